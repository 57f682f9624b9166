-- from rows to persons, and from persons to the files that they belong to.

-- One line a person: its current row where it has several (left schools and cancelled households are history).
create table person as
select 'education' as source, person, number, "full", fault, plain, sex, birth, household, father, mother
from enrolment
qualify row_number() over (
    partition by person
    order by case when status in ('ENROLLED', 'SUSPENDED', 'DROPPED_OUT') then 0 else 1 end, key desc
) = 1
union all
select 'public_security', person, number, "full", fault, plain, sex, birth, household, null, null
from household
qualify row_number() over (
    partition by person order by case when status <> 'CANCELLED' then 0 else 1 end, key desc
) = 1;

-- Numbers that stand on an open file. Accepted is what civil affairs accepted; a draft, and what was typed into a file
-- since, is not.
create table on_file as
select register, number, bool_or(accepted) as accepted
from (
    select register, number, false as accepted from file
    union all select register, "full", false from file
    union all select register, accepted_number, accepted from file
    union all select register, accepted_full, accepted from file
)
where number is not null
group by register, number;

create table twice as
select distinct register from on_file
where number in (select number from on_file group by number having count(distinct register) > 1);

-- Files that are compared with other sources: accepted, and not waiting for a duplicate to be settled. A draft, and
-- what was typed into a file since it was accepted, open nothing.
create table compared as
select * from file where accepted and not (accepted_number is not null and joins is null);

-- As the hub itself joins: by the number as accepted, character by character; else by a link
-- that a person confirmed.
create table joined as
select distinct 'education' as source, compared.register, enrolment.person, 'number' as how
from compared join enrolment on enrolment.number = compared.joins
union
select distinct 'public_security', compared.register, household.person, 'number'
from compared join household on household.number = compared.joins
union
select link.source, compared.register, link.person, 'link'
from compared
join link on link.register = compared.register and link.status = 'CONFIRMED'
join person on person.source = link.source and person.person = link.person;

-- Persons whose file is known, though it may be waiting for a duplicate to be settled.
create table claimed as
select distinct source, person from joined
union
select source, person from person where number in (select number from on_file where accepted)
union
select source, person from person
where "full" in (select number from on_file where accepted) and fault is null;

-- Persons whose number somebody has only typed in: that gives them no file and takes no candidate away, but nobody is
-- asked to open a file for them while it waits for acceptance.
create table drafted as
select source, person from person
where number in (select number from on_file) or ("full" in (select number from on_file) and fault is null)
except
select source, person from claimed;
