-- What the console searches the log by. Derived from log.entry by hub/audit/indexer.py, and can be made anew from it: the
-- log itself rests on nothing here. Run by the database's owner, after log.sql.

create table if not exists log.found (
    index bigint primary key,
    at timestamptz not null,
    kind text not null,
    decision text not null,
    unit text not null,
    operator text not null,
    purpose text not null,
    case_ref text not null,
    request text not null,
    rows integer not null,
    subjects integer not null,
    sensitivity text not null,
    coordinates text[] not null
);
create index if not exists found_at on log.found (at);
create index if not exists found_unit on log.found (unit, index);
create index if not exists found_operator on log.found (operator, index) where operator <> '';
create index if not exists found_purpose on log.found (purpose, index);
create index if not exists found_case on log.found (case_ref, index) where case_ref <> '';
create index if not exists found_request on log.found (request);
create index if not exists found_decision on log.found (decision, index);
create index if not exists found_kind on log.found (kind, index);
create index if not exists found_coordinates on log.found using gin (coordinates) with (fastupdate = off);

-- Pseudonym -> entries that name it (lists included); `of:<name>` -> the reviews of the entry of that name.
create table if not exists log.subject (
    pseudonym text not null,
    index bigint not null,
    primary key (pseudonym, index)
);

-- A file and a child that one entry names alone: two pseudonyms of one child.
create table if not exists log.alias (
    register text not null,
    citizen text not null,
    index bigint not null,
    primary key (register, citizen)
);
create index if not exists alias_citizen on log.alias (citizen);

-- Counts a day (Asia/Shanghai), for the overview. Reporters are counted under one word.
create table if not exists log.tally (
    day date not null,
    unit text not null,
    purpose text not null,
    kind text not null,
    decision text not null,
    sensitivity text not null,
    count bigint not null,
    primary key (day, unit, purpose, kind, decision, sensitivity)
);

-- One row: entries before `position` are in the tables above.
create table if not exists log.indexed (position bigint not null);
insert into log.indexed select 0 where not exists (select from log.indexed);

revoke all on log.found, log.subject, log.alias, log.tally, log.indexed from public;
grant select, insert on log.found, log.subject, log.alias to hub_log;
grant select, insert, update on log.tally to hub_log;
grant select, update on log.indexed to hub_log;
