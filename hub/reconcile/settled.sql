-- Items of earlier comparisons of which this one says that the sources agree, or that nothing is left to compare.
-- What could not be compared (a link not decided, a duplicate not settled) stays as it is: undecided is not agreed.
select item.id
from item
where not exists (select 1 from found where found.class = item.class and found.subject = item.subject)
    and case
        when item.subject like 'file:%' and item.register not in (select register from file) then true
        when item.class in ('DUPLICATE_FILE', 'AGED_OUT') then true
        when item.class = 'INVALID_CITIZEN_ID' then item.subject like 'file:%' or not exists (
            select 1 from person
            where person.source || ':' || person.person = item.subject and person.fault is not null
        )
        when item.class in ('FLAGGED_NOT_SURVEYED', 'FLAGGED_ONE_PARENT') then
            item.education not in (select person from pending where source = 'education')
            and item.education not in (select person from drafted where source = 'education')
            and item.education not in (select person from resembling where source = 'education')
        when item.class = 'IDENTITY_MISMATCH' then
            item.register in (select register from kept_household where how = 'number')
        when item.class in ('NO_HOUSEHOLD_RECORD', 'HOUSEHOLD_STATUS_CONFLICT', 'ADDRESS_CONFLICT') then
            item.register in (select register from kept_household)
        when item.class = 'NO_ENROLMENT' then
            item.register in (select register from kept_enrolment)
            or item.register in (select register from compared where birth <= getvariable('born_16') or birth > getvariable('born_6'))
        else item.register in (select register from kept_enrolment)
    end
