-- the hub's own records: links between a department's person and a file, discrepancies, statistics (no personal values).
create table link (
    id text not null,
    source text not null,
    person text not null,                 -- the source's own number of the person
    register_no text not null,
    status text not null check (status in ('CONFIRMED', 'CANDIDATE', 'REFUSED'))
);

create table reconciliation_item (
    id text not null,
    register_no text,                     -- null where no file exists
    education_person text,
    police_person text,
    coordinates text[] not null,          -- what was compared, as Type.field
    task text not null,
    quarter text not null,
    discrepancy_class text not null,
    compared_field text not null,
    answering_unit text not null,
    status text not null check (status in ('OPEN', 'ANSWERED', 'CORRECTED', 'EXPLAINED'))
);

-- comparisons that civil affairs has asked for, and how far each is
create table reconciliation_order (
    id text not null,
    quarter text not null,
    unit text not null,
    operator text not null,
    asked_at timestamptz not null,
    status text not null default 'QUEUED'
);

-- as the hub itself makes it where it is installed first
create table if not exists statistic (
    id text primary key,
    division_code text not null,
    level text not null check (level in ('district', 'town', 'village')),
    quarter text not null,
    indicator text not null,
    value double precision,
    suppressed boolean not null,
    census_reference integer,
    check (value is null or not suppressed)
);

-- loaded above this line, indexed below it
alter table link add primary key (id);
alter table link
    add column probability double precision,
    add column evidence text[] not null default '{}',   -- how far each feature agrees, never what it is
    add column decided_at timestamptz;
alter table reconciliation_item
    add column closed_in text;            -- quarter of the comparison that found agreement
create unique index link_person on link (source, person, register_no);
create index link_register on link (register_no, source);
alter table reconciliation_item add primary key (id);
alter table reconciliation_order add primary key (id);
create index reconciliation_item_register on reconciliation_item (register_no);
create index reconciliation_item_education on reconciliation_item (education_person);
create index reconciliation_item_police on reconciliation_item (police_person);
create index reconciliation_item_quarter on reconciliation_item (quarter, discrepancy_class, id);
create index reconciliation_item_answering on reconciliation_item (answering_unit, status, id);
create index reconciliation_item_status on reconciliation_item (status, id);
create index reconciliation_item_class on reconciliation_item (discrepancy_class, status, id);
create index reconciliation_item_latest on reconciliation_item (quarter desc nulls last, id);
create unique index if not exists statistic_cell on statistic (division_code, quarter, indicator);
create index if not exists statistic_indicator on statistic (indicator, quarter, division_code);
create index if not exists statistic_quarter on statistic (quarter, id);
create index if not exists statistic_quarter_latest on statistic (quarter desc nulls last, id);
create index if not exists statistic_value on statistic (value, id);
create index if not exists statistic_census on statistic (census_reference, id);
