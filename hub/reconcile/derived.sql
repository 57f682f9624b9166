-- from rows to persons, and from persons to the files that they belong to.

-- One line a person: its current row where it has several (left schools and cancelled households are history).
create table person as
select 'education' as source, person, number, "full", fault, plain, sex, birth, household
from enrolment
qualify row_number() over (
    partition by person
    order by case when status in ('ENROLLED', 'SUSPENDED', 'DROPPED_OUT') then 0 else 1 end, key desc
) = 1
union all
select 'public_security', person, number, "full", fault, plain, sex, birth, household
from household
qualify row_number() over (
    partition by person order by case when status <> 'CANCELLED' then 0 else 1 end, key desc
) = 1;

-- Numbers that stand on an open file, as it is now or as it was accepted: drafts and duplicates count.
create table on_file as
select register, number as number from file where number is not null
union select register, "full" from file where "full" is not null
union select register, accepted_number from file where accepted_number is not null
union select register, accepted_full from file where accepted_full is not null;

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

-- Persons that no file can claim any more: theirs is known, though perhaps still a draft or a duplicate.
create table claimed as
select distinct source, person from joined
union
select source, person from person where number in (select number from on_file)
union
select source, person from person where "full" in (select number from on_file) and fault is null;
