-- the hub's own tables of links and discrepancies, made or brought up to this version; run again it changes nothing.
-- Links hold keys; items hold keys and coordinates: no value of a child stands here (evidence says how far, not what).
create table if not exists link (
    id text primary key,
    source text not null,
    person text not null,                 -- the source's own number of the person
    register_no text not null,
    status text not null
);
create unique index if not exists link_person on link (source, person, register_no);
create index if not exists link_register on link (register_no, source);
alter table link
    add column if not exists probability double precision,
    add column if not exists evidence text[] not null default '{}',
    add column if not exists found_in text,        -- quarter
    add column if not exists seen_in text,
    add column if not exists decided_by text,      -- staff number
    add column if not exists decided_at timestamptz,
    add column if not exists reason text,
    drop constraint if exists link_status_check,
    add constraint link_status_check check (status in ('CONFIRMED', 'CANDIDATE', 'REFUSED'));

create table if not exists reconciliation_item (
    id text primary key,
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
create index if not exists reconciliation_item_register on reconciliation_item (register_no);
create index if not exists reconciliation_item_education on reconciliation_item (education_person);
create index if not exists reconciliation_item_police on reconciliation_item (police_person);
create index if not exists reconciliation_item_quarter on reconciliation_item (quarter, discrepancy_class, id);
create index if not exists reconciliation_item_answering on reconciliation_item (answering_unit, status, id);
create index if not exists reconciliation_item_status on reconciliation_item (status, id);
create index if not exists reconciliation_item_class on reconciliation_item (discrepancy_class, status, id);
create index if not exists reconciliation_item_latest on reconciliation_item (quarter desc nulls last, id);
alter table reconciliation_item
    add column if not exists seen_in text,         -- quarter of the last comparison that found it
    add column if not exists closed_in text,       -- quarter of the comparison that found agreement
    add column if not exists digest text;          -- of the values that differ, under a key of the hub

create table if not exists reconciliation_run (
    id bigint generated always as identity primary key,
    quarter text not null,
    request text not null,                -- the log's entry of the run
    operator text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    counts jsonb not null
);
create index if not exists reconciliation_run_quarter on reconciliation_run (quarter, id);
-- A name is of one run; one that was settled as never written has a line, so that it never will be.
alter table reconciliation_run add column if not exists given_up boolean not null default false;
create unique index if not exists reconciliation_run_request on reconciliation_run (request);

create table if not exists reconciliation_change (
    id bigint generated always as identity primary key,
    run bigint references reconciliation_run (id),   -- null: a person's decision
    kind text not null check (kind in ('link', 'item')),
    of text not null,                     -- id of the link or item
    was text not null,
    now text not null,
    why text not null,
    operator text,
    at timestamptz not null default now()
);
create index if not exists reconciliation_change_of on reconciliation_change (kind, of, id);

create table if not exists reconciliation_order (
    id text primary key,
    quarter text not null,
    unit text not null,                   -- unit key and staff number of who asked for it
    operator text not null,
    asked_at timestamptz not null,
    status text not null default 'QUEUED'
);
alter table reconciliation_order
    add column if not exists attempts integer not null default 0,
    add column if not exists doing text,           -- what is under way, how much of it is done, of how much
    add column if not exists done bigint not null default 0,
    add column if not exists whole bigint not null default 0,
    add column if not exists problem text,         -- a stable word
    add column if not exists run bigint references reconciliation_run (id),
    add column if not exists seen_at timestamptz,
    drop constraint if exists reconciliation_order_status_check,
    add constraint reconciliation_order_status_check check (status in ('QUEUED', 'RUNNING', 'DONE', 'FAILED'));
create index if not exists reconciliation_order_asked on reconciliation_order (asked_at);

create table if not exists reconciliation_layout (version integer not null);
delete from reconciliation_layout;
insert into reconciliation_layout (version) values (2);
