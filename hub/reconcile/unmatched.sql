-- Whom the numbers do not bring together: both sides of the linkage of one source, in one shape.
-- Files that are not compared (drafts, duplicates) are there as well: they get no candidate, but whoever resembles one of
-- them may be on file.
-- village: where the household is; home: where the child lives (a department says one of them).
create or replace table unmatched_file as
select file.register as unique_id, plain as name, sound.sound, birth, sex,
    coalesce(household, division) as village, division as home,
    left(coalesce(division, household), 9) as town, coalesce("full", number) as number, fault is null as proven,
    parents.father, parents.mother, file.register in (select register from compared) as comparable
from file
left join sound on sound.name = file.plain
left join parents on parents.register = file.register
where file.register not in (select register from joined where source = getvariable('source'))
    and plain is not null and birth is not null;

create or replace table unmatched_person as
select person as unique_id, plain as name, sound.sound, birth, sex, household as village, household as home,
    left(household, 9) as town, coalesce("full", number) as number, fault is null as proven,
    father, mother, true as comparable
from person left join sound on sound.name = person.plain
where source = getvariable('source') and plain is not null and birth is not null
    and person not in (select person from claimed where source = getvariable('source'));
