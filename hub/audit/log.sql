-- The access log in the hub's database. Run by the database's owner; running it again changes nothing.
-- The hub works as role hub_log: it can put entries in and move them into the tree, and can change or remove none.

create schema if not exists log;

do $$
begin
    if not exists (select from pg_roles where rolname = 'hub_log') then
        create role hub_log nologin;
    end if;
exception
    when duplicate_object or unique_violation then null; -- another database of the same server was a moment faster
end
$$;

-- One row: the layout that this file and search.sql make, which is 5 after both. The hub refuses to start on another.
create table if not exists log.layout (version integer not null);
insert into log.layout select 3 where not exists (select from log.layout);
update log.layout set version = 3 where version = 2;

-- Durable entries that wait for their place in the tree. `id` is only the order of arrival: it has gaps, and a row may
-- become visible after a later one. The index in the tree is given when a row leaves this table.
create table if not exists log.pending (
    id bigint generated always as identity primary key,
    request text not null,
    kind text not null,
    part integer not null,
    at timestamptz not null,
    leaf bytea not null,
    bytes bytea not null check (octet_length(bytes) <= 65535),
    constraint pending_name unique (request, kind, part),
    constraint pending_leaf check (leaf = sha256('\x00'::bytea || bytes))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000); -- every row leaves soon

-- Entries in the tree, a partition for each month (`month` 202611: in which they got their place, Asia/Shanghai), so that
-- a month can be retired to an archive whole. A month begins with a bundle of 256 entries: what fills up the bundle before
-- stands in the month before. Indexes do not repeat across months: only log.sequence gives them.
create table if not exists log.entry (
    month integer not null,
    index bigint not null check (index >= 0),
    request text not null,
    kind text not null,
    part integer not null,
    at timestamptz not null,
    leaf bytea not null,
    bytes bytea not null,
    primary key (index, month)
) partition by list (month);
create index if not exists entry_request on log.entry (request);
create index if not exists entry_at on log.entry (at);
-- Intents without an outcome are looked for every minute, among far more entries of reading.
create index if not exists entry_step on log.entry (at) where kind in ('intent', 'outcome');

-- The months and where they begin; `last` (the index after the last entry) is set when the next one begins.
-- `retired` is set when its entries have gone to an archive: their hashes stay in log.tile.
create table if not exists log.month (
    month integer primary key,
    first bigint not null unique,
    last bigint,
    retired timestamptz
);

-- Full hash tiles of C2SP tlog-tiles (level, index): 256 hashes, and the root over them, which is a hash of the level above.
create table if not exists log.tile (
    level smallint not null,
    index bigint not null,
    hashes bytea not null check (octet_length(hashes) = 8192),
    root bytea not null check (octet_length(root) = 32),
    primary key (level, index)
);
alter table log.tile alter column hashes set storage external; -- hashes do not compress

-- Lists too long for an entry, and persons' words; the entry holds their hash.
create table if not exists log.long_list (
    request text not null,
    kind text not null,
    part integer not null,
    field text not null,
    items text[] not null,
    primary key (request, kind, part, field)
);
alter table log.long_list alter column items set storage external; -- pseudonyms and commitments do not compress

-- One key an entry, under which its commitments to values are made. Erasing one (by the owner alone) leaves commitments
-- that say nothing.
create table if not exists log.commitment_key (
    request text not null,
    kind text not null,
    part integer not null,
    secret bytea not null check (octet_length(secret) = 32),
    primary key (request, kind, part)
);

-- Every tree head ever signed: `frontier` is what the next append needs, `note` the signed text.
create table if not exists log.checkpoint (
    size bigint primary key check (size > 0),
    root bytea not null check (octet_length(root) = 32),
    frontier bytea not null check (octet_length(frontier) = 32 * bit_count(size::bit(64))),
    note text not null,
    at timestamptz not null default now()
);

-- Signature lines by which witnesses cosigned a tree head.
create table if not exists log.cosignature (
    size bigint not null,
    witness text not null,
    line text not null,
    at timestamptz not null,
    primary key (size, witness)
);
create index if not exists cosignature_at on log.cosignature (at desc);

-- When each witness last cosigned: one head again and again while the log is idle, so that the table above has the first
-- alone of these. What is here is an age, and proves nothing.
create table if not exists log.witnessed (
    witness text primary key,
    size bigint not null,
    at timestamptz not null
);
insert into log.witnessed
select distinct on (witness) witness, size, at from log.cosignature order by witness, at desc on conflict do nothing;

-- What full verifications found. `bad` is the first index at which something is wrong.
create table if not exists log.verification (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    size bigint not null,
    good boolean not null,
    bad bigint,
    reason text not null,
    seconds real not null
);

-- A speed bump for the owner, not the proof: that is the tree and its witnesses.
create or replace function log.refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the log is only ever appended to';
end
$$;

-- Makes the month's partition, if `month` is new, and closes the one before it at `first`.
create or replace function log.begin_month(month integer, first bigint) returns void language plpgsql as $$
declare
    name text := format('entry_%s', month);
begin
    if exists (select from log.month m where m.month = begin_month.month) then
        return;
    end if;
    update log.month set last = begin_month.first where last is null;
    insert into log.month (month, first) values (begin_month.month, begin_month.first);
    execute format('create table log.%I partition of log.entry for values in (%s)', name, month);
    execute format('create trigger stays before update or delete or truncate on log.%I'
        ' for each statement execute function log.refuse()', name);
end
$$;

-- Gives the pending rows `ids`, in that order, the indexes from `first` on, with the tiles that they fill and the checkpoint
-- over them: all or nothing. `doubles` are rows whose entry is in the tree already (a commit whose reply was lost, written
-- again). A month never goes back, whatever the clock does.
create or replace function log.sequence(
    first bigint, ids bigint[], doubles bigint[], root bytea, frontier bytea, note text,
    levels smallint[], tiles bigint[], hashes bytea[], roots bytea[]
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    moved bigint;
    last_month integer;
    this_month integer;
    bundle bigint := (first + 255) / 256 * 256;
begin
    if first <> (select coalesce(max(c.size), 0) from log.checkpoint c)
        or exists (select from log.entry e where e.index >= first) then
        raise exception 'the tree has grown meanwhile' using errcode = 'serialization_failure';
    end if;
    last_month := (select max(m.month) from log.month m);
    this_month := greatest(to_char(now() at time zone 'Asia/Shanghai', 'YYYYMM')::integer, last_month);
    if cardinality(doubles) > 0 then
        delete from log.pending p using log.entry e
        where p.id = any (doubles) and e.request = p.request and e.leaf = p.leaf;
    end if;
    if cardinality(ids) = 0 then
        return;
    end if;
    if first + cardinality(ids) > bundle then
        perform log.begin_month(this_month, bundle);
    end if;
    with gone as (
        delete from log.pending where id = any (ids) returning id, request, kind, part, at, leaf, bytes
    )
    insert into log.entry (month, index, request, kind, part, at, leaf, bytes)
    select case when first + place.n - 1 < bundle then last_month else this_month end,
        first + place.n - 1, gone.request, gone.kind, gone.part, gone.at, gone.leaf, gone.bytes
    from unnest(ids) with ordinality as place (id, n) join gone using (id)
    order by place.n;
    get diagnostics moved = row_count;
    if moved <> cardinality(ids) then
        raise exception 'a pending row is gone' using errcode = 'serialization_failure';
    end if;
    insert into log.tile (level, index, hashes, root) select * from unnest(levels, tiles, hashes, roots);
    insert into log.checkpoint (size, root, frontier, note) values (first + moved, root, frontier, note);
end
$$;

create or replace trigger entry_stays before update or delete or truncate on log.entry
    for each statement execute function log.refuse();
create or replace trigger checkpoint_stays before update or delete or truncate on log.checkpoint
    for each statement execute function log.refuse();
create or replace trigger long_list_stays before update or delete or truncate on log.long_list
    for each statement execute function log.refuse();
create or replace trigger tile_stays before update or delete or truncate on log.tile
    for each statement execute function log.refuse();
create or replace trigger cosignature_stays before update or delete or truncate on log.cosignature
    for each statement execute function log.refuse();

revoke all on all tables in schema log from public;
revoke all on all functions in schema log from public;
grant usage on schema log to hub_log;
grant select, insert on log.pending, log.long_list, log.commitment_key, log.cosignature, log.verification to hub_log;
grant select on log.entry, log.month, log.tile, log.checkpoint, log.layout to hub_log;
grant select, insert, update on log.witnessed to hub_log;
grant execute on function log.sequence to hub_log;
