-- Whom the numbers do not bring together: both sides of the linkage of one source, in one shape.
-- village: where the household is; home: where the child lives (a department says one of them).
create or replace table unmatched_file as
select compared.register as unique_id, plain as name, sound.sound, birth, sex,
    coalesce(household, division) as village, division as home,
    left(coalesce(division, household), 9) as town, coalesce("full", number) as number, fault is null as proven,
    parents.father, parents.mother
from compared
left join sound on sound.name = compared.plain
left join parents on parents.register = compared.register
where compared.register not in (select register from joined where source = getvariable('source'))
    and plain is not null and birth is not null;

create or replace table unmatched_person as
select person as unique_id, plain as name, sound.sound, birth, sex, household as village, household as home,
    left(household, 9) as town, coalesce("full", number) as number, fault is null as proven,
    father, mother
from person left join sound on sound.name = person.plain
where source = getvariable('source') and plain is not null and birth is not null
    and person not in (select person from claimed where source = getvariable('source'));
