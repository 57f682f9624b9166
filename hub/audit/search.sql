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
-- hub/audit/named.py has it. The hash is a function of its own, so that the server writes the other in place of its call.
create or replace function log.hash_key(name text) returns uuid language sql immutable parallel safe as $$
    select encode(substr(sha256(convert_to(name, 'UTF8')), 1, 16), 'hex')::uuid
$$;
create or replace function log.name_key(name text) returns uuid language sql immutable parallel safe as $$
    select case when name ~ '^[a-z]-[A-Za-z0-9_-]{21}[AQgw]$'
        then encode(substr(decode(translate(substr(name, 3), '-_', '+/') || '==', 'base64'), 1, 16), 'hex')::uuid
        else log.hash_key(name) end
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

-- Puts the next entries of the tree into the tables above: `most` at most, and no more than name `names` people and rows
-- (one at least). `levels` has the sensitivity of each coordinate. `done` were put in; `altered` is the first whose bytes
-- are not those that were hashed, and then none was. Entries are taken apart where they lie: sent to the hub and back,
-- each cost the process that answers a fifteenth of what an answer costs it.
create or replace function log.index_next(
    most integer, names integer, levels jsonb, out done integer, out altered bigint
) language plpgsql set search_path = pg_catalog, pg_temp set enable_nestloop = off as $$
-- Without nested loops, since a server that knows nothing of its tables would compare each entry with each.
declare
    first bigint;
begin
    select i.position into first from log.indexed i for update;
    with taken as materialized (
        select e.index,
            case when e.leaf = sha256('\x00'::bytea || e.bytes) then convert_from(e.bytes, 'UTF8')::jsonb end as body
        from log.entry e where e.index >= first and e.index < first + most
    ), few as (
        select t.index, t.body,
            sum(coalesce((t.body ->> 'subjectsCount')::integer, 1)) over (order by t.index) as reached
        from taken t
    ), whole as materialized (
        -- Lists kept beside the entry are put back in their place, but for those by which nothing is found.
        select f.index, f.body || case
            when f.body ?| '{subjectsHash,releasedHash,maskedHash,refusedHash,rowsHash,factsHash}' then (
                select jsonb_object_agg(l.field, l.items) from log.long_list l
                where l.request = f.body ->> 'request' and l.kind = f.body ->> 'kind'
                    and l.part = (f.body -> 'part')::integer and l.field not in ('commitments', 'notes')
            ) else '{}' end as body
        from few f
        where (f.reached <= names or f.index = first) and not exists (select from taken t where t.body is null)
    ), entry as materialized (
        select w.index, w.body, w.body ->> 'kind' as kind, w.body -> 'released' as released, w.body -> 'masked' as masked,
            w.body -> 'refused' as refused, n.*
        from whole w cross join lateral (
            select count(*)::integer as subjects, count(*) filter (where name like 'f-%')::integer as files,
                count(*) filter (where name like 'r-%')::integer as records,
                count(*) filter (where name like 'i-%')::integer as children,
                min(name) filter (where name like 'f-%') as register, min(name) filter (where name like 'i-%') as citizen,
                array_agg(log.name_key(name) order by name not like 'f-%', name not like 'r-%', name collate "C") as keys
            from (
                select jsonb_array_elements_text(w.body -> 'subjects') as name
                union all
                select 'of:' || substr(fact, 4)
                from jsonb_array_elements_text(case when w.body ->> 'kind' = 'review' then w.body -> 'facts' end) fact
                where fact like 'of=%'
            ) named
        ) n
    ), alike as materialized (
        -- Many entries have these in common.
        select e.released, e.masked, e.refused,
            array(select jsonb_array_elements_text(e.released)) as clear,
            array(select jsonb_array_elements_text(e.masked)) as covered,
            array(select jsonb_array_elements_text(e.refused)) as withheld,
            array(
                select distinct name collate "C" from jsonb_array_elements_text(e.released || e.masked || e.refused) name
                order by 1
            ) as coordinates,
            coalesce((
                select max(coalesce(levels ->> name, 'L1')) from jsonb_array_elements_text(e.released || e.masked) name
            ), '') as sensitivity
        from (select distinct released, masked, refused from entry) e
    ), found as (
        insert into log.found (index, at, kind, decision, unit, operator, purpose, case_ref, request, rows, subjects,
            sensitivity, released, masked, refused, coordinates)
        select e.index, (e.body ->> 'at')::timestamptz, e.kind, e.body ->> 'decision', e.body ->> 'unit',
            e.body ->> 'operator', e.body ->> 'purpose', e.body ->> 'case', e.body ->> 'request',
            (
                select coalesce(sum(split_part(counted, '=', 2)::integer), 0)
                from jsonb_array_elements_text(e.body -> 'rows') counted
            ),
            e.subjects, a.sensitivity, a.clear, a.covered, a.withheld, a.coordinates
        from entry e join alike a using (released, masked, refused)
        order by e.index
        returning log.found.*
    ), named as (
        insert into log.named (index, kind, files, records, names)
        select e.index, e.kind, e.files, e.records, e.keys from entry e where e.subjects > 0 order by e.index
    ), alias as (
        insert into log.alias (register, citizen, index)
        select e.register, e.citizen, e.index from entry e where e.files = 1 and e.children = 1 order by e.index
        on conflict do nothing
    ), tally as (
        insert into log.tally as t (day, unit, purpose, kind, decision, sensitivity, count)
        select (f.at at time zone 'Asia/Shanghai')::date, case when f.unit like 'a-%' then 'reporter' else f.unit end,
            f.purpose, f.kind, f.decision, f.sensitivity, count(*)
        from found f group by 1, 2, 3, 4, 5, 6
        on conflict (day, unit, purpose, kind, decision, sensitivity) do update set count = t.count + excluded.count
    ), moved as (
        update log.indexed set position = (select max(index) + 1 from whole) where exists (select from whole)
    )
    select (select count(*) from whole), (select min(t.index) from taken t where t.body is null) into done, altered;
end
$$;
update log.layout set version = 5 where version in (3, 4);

revoke all on log.found, log.named, log.alias, log.tally, log.indexed from public;
revoke all on function log.index_next, log.name_key, log.hash_key from public;
grant select, insert on log.found, log.named, log.alias to hub_log;
grant select, insert, update on log.tally to hub_log;
grant select, update on log.indexed to hub_log;
grant execute on function log.index_next, log.name_key, log.hash_key to hub_log;

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
