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
    released text[] not null,
    masked text[] not null,
    refused text[] not null,
    coordinates text[] not null
);
create index if not exists found_at on log.found (at);
create index if not exists found_unit on log.found (unit, index);
create index if not exists found_operator on log.found (nullif(operator, ''), index);
create index if not exists found_purpose on log.found (nullif(purpose, ''), index);
create index if not exists found_case on log.found (nullif(case_ref, ''), index);
create index if not exists found_key on log.found (lpad(index::text, 15, '0'));
-- GraphQL puts nulls last either way, so that the newest first needs indexes of its own.
create index if not exists found_newest on log.found (index desc nulls last, lpad(index::text, 15, '0'));
create index if not exists found_latest on log.found (at desc nulls last, lpad(index::text, 15, '0'));
create index if not exists found_request on log.found (request);
create index if not exists found_decision on log.found (decision, index);
create index if not exists found_kind on log.found (kind, index);
-- Thirty coordinates an entry, the same few hundred again and again: gathered in a list of eight pages, which every search
-- reads, and put in together they cost the server half of what they cost one by one.
create index if not exists found_released on log.found using gin (released) with (gin_pending_list_limit = 64);
create index if not exists found_masked on log.found using gin (masked) with (gin_pending_list_limit = 64);
create index if not exists found_refused on log.found using gin (refused) with (gin_pending_list_limit = 64);
do $$ declare
    each regclass;
begin
    for each in select c.oid::regclass from pg_class c where 'fastupdate=off' = any (c.reloptions)
        and c.oid in (to_regclass('log.found_released'), to_regclass('log.found_masked'), to_regclass('log.found_refused'))
    loop
        execute format('alter index %s reset (fastupdate)', each);
        execute format('alter index %s set (gin_pending_list_limit = 64)', each);
    end loop;
end $$;

-- A name -> its key in log.named: of a pseudonym its own 128 bits, of any other text as many of its hash. As
-- hub/audit/named.py has it.
create or replace function log.name_key(name text) returns uuid language sql immutable parallel safe as $$
    select encode(substr(case when name ~ '^[a-z]-[A-Za-z0-9_-]{21}[AQgw]$'
        then decode(translate(substr(name, 3), '-_', '+/') || '==', 'base64')
        else sha256(convert_to(name, 'UTF8')) end, 1, 16), 'hex')::uuid
$$;

-- Whom an entry names (lists included), as keys: first `files` files, then `records` rows, then all others; of a review
-- the entry that it is of, as `of:<name>`. One row an entry: a row a name cost more than the answers themselves.
create table if not exists log.named (
    index bigint primary key,
    kind text not null,
    files integer not null,
    records integer not null,
    names uuid[] not null
);
-- Keys do not compress, and what is frequent among them is not worth a look at each array.
alter table log.named alter column names set storage external, alter column names set statistics 0;

-- Before layout 4 there was a row a name. Nobody adds to these meanwhile: whoever still would is without its table after.
do $$ begin
    if to_regclass('log.subject') is not null then
        lock table log.subject in access exclusive mode;
        insert into log.named (index, kind, files, records, names)
        select s.index, f.kind, count(*) filter (where s.pseudonym like 'f-%'),
            count(*) filter (where s.pseudonym like 'r-%'),
            array_agg(log.name_key(s.pseudonym) order by s.pseudonym not like 'f-%', s.pseudonym not like 'r-%')
        from log.subject s join log.found f on f.index = s.index
        group by s.index, f.kind;
        drop table log.subject;
    end if;
end $$;
create index if not exists named_names on log.named using gin (names) with (gin_pending_list_limit = 1024);
update log.layout set version = 4 where version = 3;

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

revoke all on log.found, log.named, log.alias, log.tally, log.indexed from public;
grant select, insert on log.found, log.named, log.alias to hub_log;
grant select, insert, update on log.tally to hub_log;
grant select, update on log.indexed to hub_log;

-- What AccessLogEntry shows: rows are chosen by what is indexed above, the rest of each is read from the entry itself.
-- `key` sorts as the tree does.
create or replace view access_log as
select
    lpad(f.index::text, 15, '0') as key,
    f.at,
    f.unit,
    nullif(f.operator, '') as operator_id,
    nullif(f.purpose, '') as purpose,
    nullif(f.case_ref, '') as case_ref,
    f.released as fields,
    f.masked as masked_fields,
    f.refused as refused_fields,
    array(select jsonb_array_elements_text(d.body -> 'subjects')) as record_refs,
    f.decision,
    array(select jsonb_array_elements_text(d.body -> 'clauses')) as clause,
    encode(e.leaf, 'hex') as entry_hash,
    f.index,
    f.request as request_id,
    nullif(d.body ->> 'policy', '') as policy_version,
    array(select jsonb_array_elements_text(d.body -> 'errors')) as error_codes,
    f.kind,
    e.part
from log.found f
join log.entry e on e.index = f.index
cross join lateral (
    -- lists kept beside the entry are put back in their place
    select convert_from(e.bytes, 'UTF8')::jsonb || coalesce(jsonb_object_agg(l.field, l.items), '{}') as body
    from log.long_list l
    where l.request = e.request and l.kind = e.kind and l.part = e.part
) d;
revoke all on access_log from public;
grant select on access_log to hub_log;
-- The role by which the hub reads its own database may see entries as auditors do, where it exists.
do $$ begin
    if exists (select from pg_roles where rolname = 'hub_read') then
        grant usage on schema log to hub_read;
        grant select on access_log to hub_read;
    end if;
end $$;
