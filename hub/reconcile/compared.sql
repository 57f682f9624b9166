-- what the comparison rests on: the rows that count, what waits for a decision, who is in school age.

create table kept_household as
select joined.register, joined.how, household.*
from joined join household on household.person = joined.person
where joined.source = 'public_security'
qualify status is distinct from 'CANCELLED'
    or bool_and(status is not distinct from 'CANCELLED') over (partition by joined.register);

create table kept_enrolment as
select joined.register, enrolment.*, dropout.key is not null as dropping_out,
    coalesce(enrolment.status in ('ENROLLED', 'SUSPENDED', 'DROPPED_OUT'), false) as "current"
from joined
join enrolment on enrolment.person = joined.person
left join (select enrolment, min(key) as key from dropout group by enrolment) as dropout
    on dropout.enrolment = enrolment.key
where joined.source = 'education';

-- Candidates of earlier comparisons of which one side has been joined since, or has no open file any more.
create table withdrawn as
select id, source, register, person from link
where status = 'CANDIDATE'
    and (source, register, person) not in (select (source, register, person) from candidate)
    and (
        register not in (select register from file)
        or (source, register) in (select (source, register) from joined)
        or (source, person) in (select (source, person) from claimed)
    );

create table pending as
select source, register, person from link
where status = 'CANDIDATE' and id not in (select id from withdrawn)
union select source, register, person from candidate;

-- A file with one person of each department, for the columns of an item.
create table beside as
select compared.*, education.person as education, police.person as police
from compared
left join (select register, min(person) as person from joined where source = 'education' group by register)
    as education using (register)
left join (select register, min(person) as person from joined where source = 'public_security' group by register)
    as police using (register);

create table flagged as
select person, min(household) as household, max(flag) filter (where flag = 'BOTH_PARENTS_AWAY') as both_away
from enrolment
where flag in ('ONE_PARENT_AWAY', 'BOTH_PARENTS_AWAY') and status in ('ENROLLED', 'SUSPENDED', 'DROPPED_OUT')
    and (birth is null or birth > getvariable('born_16'))
group by person;

create table found (
    class text, subject text, register text, education text, police text, division text, coordinates text[],
    differing text[]    -- what differs, for its digest alone
);

insert into found
select 'INVALID_CITIZEN_ID', 'file:' || file.register, file.register, beside.education, beside.police, file.division,
    ['Child.citizenId'], [file.number, file.birth, file.sex]
from file left join beside using (register)
where file.fault is not null
union all
select 'INVALID_CITIZEN_ID', person.source || ':' || person.person, beside.register,
    case when person.source = 'education' then person.person else beside.education end,
    case when person.source = 'public_security' then person.person else beside.police end,
    beside.division,
    case when person.source = 'education' then ['Enrolment.studentNumber'] else ['HouseholdRegistration.citizenId'] end,
    [person.number, person.birth, person.sex]
from person
left join (select source, person, min(register) as register from joined group by all) as own
    on own.source = person.source and own.person = person.person
left join beside on beside.register = own.register
where person.fault is not null and (
    own.register is not null
    or (person.source, person.person) in (select (source, person) from claimed)
    or (person.source, person.person) in (select (source, person) from pending)
    or (person.source = 'education' and person.person in (select person from flagged))
);

insert into found
select 'IDENTITY_MISMATCH', 'file:' || register, register, any_value(education), any_value(police),
    any_value(division),
    list_concat(
        case when bool_or(name_differs) then ['Child.name', 'HouseholdRegistration.name'] else [] end,
        case when bool_or(birth_differs) then ['Child.birthDate', 'HouseholdRegistration.birthDate'] else [] end,
        case when bool_or(sex_differs) then ['Child.sex'] else [] end
    ),
    list_sort(list(distinct both_sides))
from (
    select beside.register, beside.education, beside.police, beside.division,
        concat_ws('|', beside.plain, beside.birth, beside.sex, household.plain, household.birth, household.sex)
            as both_sides,
        household.plain <> beside.plain as name_differs, household.birth <> beside.birth as birth_differs,
        household.sex <> beside.sex and household.sex in ('MALE', 'FEMALE') and beside.sex in ('MALE', 'FEMALE')
            as sex_differs
    from beside join kept_household as household using (register)
    where household.how = 'number'
)
where name_differs or birth_differs or sex_differs
group by register;

insert into found
select 'NO_HOUSEHOLD_RECORD', 'file:' || register, register, education, null, division,
    ['Child.citizenId', 'Child.name', 'Child.birthDate'], [number, plain, birth]
from beside
where police is null and register not in (select register from pending where source = 'public_security');

insert into found
select 'HOUSEHOLD_STATUS_CONFLICT', 'file:' || register, register, any_value(beside.education),
    any_value(beside.police), any_value(beside.division),
    ['Child.householdRegistered', 'HouseholdRegistration.status'],
    list_sort(list(distinct concat_ws('|', beside.registered, household.status)))
from beside join kept_household as household using (register)
where (household.status = 'REGISTERED') <> beside.registered
group by register;

insert into found
select 'ADDRESS_CONFLICT', 'file:' || register, register, any_value(beside.education), any_value(beside.police),
    any_value(beside.division), ['Child.householdPlace', 'HouseholdRegistration.address'],
    list_sort(list(distinct concat_ws('|', beside.household, household.household)))
from beside join kept_household as household using (register)
where household.household <> beside.household
group by register;

insert into found
select 'NO_ENROLMENT', 'file:' || register, register, null, police, division, ['Child.schoolingStatus'], [schooling]
from beside
where education is null and birth > getvariable('born_16') and birth <= getvariable('born_6')
    and register not in (select register from pending where source = 'education');

insert into found
select 'SCHOOLING_CONFLICT', 'file:' || register, register, any_value(education), any_value(police),
    any_value(division), ['Child.schoolingStatus', 'Enrolment.status', 'DropoutRecord.status'],
    [any_value(schooling), any_value("left")::text, any_value(attending)::text]
from (
    select beside.register, any_value(beside.education) as education, any_value(beside.police) as police,
        any_value(beside.division) as division, any_value(beside.schooling) as schooling,
        coalesce(bool_or(enrolment.status = 'DROPPED_OUT' or enrolment.dropping_out), false) as "left",
        coalesce(bool_or(enrolment.status = 'ENROLLED'), false) as attending
    from beside join kept_enrolment as enrolment using (register)
    group by beside.register
)
where ("left" and schooling not in ('DROPPED_OUT', 'NOT_IN_SCHOOL')) or (not "left" and schooling = 'DROPPED_OUT')
    or (attending and not "left" and schooling = 'NOT_IN_SCHOOL')
group by register;

insert into found
select 'SURVEYED_NOT_FLAGGED', 'file:' || register, register, any_value(beside.education), any_value(beside.police),
    any_value(beside.division), ['Child.leftBehindType', 'Enrolment.leftBehindFlag'], [any_value(beside.away)]
from beside join kept_enrolment as enrolment using (register)
where enrolment."current" and enrolment.flag = 'NOT' and beside.away <> 'NO_LONGER'
group by register;

insert into found
select case when both_away is null then 'FLAGGED_ONE_PARENT' else 'FLAGGED_NOT_SURVEYED' end,
    'education:' || person, null, person, null, household, ['Enrolment.leftBehindFlag'], [household]
from flagged
where person not in (select person from claimed where source = 'education')
    and person not in (select person from drafted where source = 'education')
    and person not in (select person from resembling where source = 'education')
    and person not in (select person from pending where source = 'education');

insert into found
select 'DUPLICATE_FILE', 'file:' || register, register, null, null, division, ['Child.citizenId'], [number]
from file
where register in (select register from twice);

insert into found
select 'AGED_OUT', 'file:' || file.register, file.register, beside.education, beside.police, file.division,
    ['Child.birthDate'], [file.birth]
from file left join beside using (register)
where file.birth <= getvariable('born_16');
