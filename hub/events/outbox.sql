-- What has changed, in the hub's database: keys and coordinates, no value. Run by the database's owner, after log.sql;
-- running it again changes nothing. The hub works as role hub_log.

create schema if not exists event;

-- What a write will have changed, if it happens: put here before its intent, gone with its outcome.
create table if not exists event.draft (
    request text not null,
    part integer not null,
    at timestamptz not null,
    name text not null, -- of the intent: the same when the step is sent again
    changes jsonb not null,
    primary key (request, part)
);

-- One row: the position of the last event. Whoever appends holds it until its commit, so that positions have no gaps,
-- and none becomes visible after a later one.
create table if not exists event.head (position bigint not null);
insert into event.head select 0 where not exists (select from event.head);

-- `cause_type` and `cause_key`: the row by which it changed, where that is another one. `clock`: which ran out, of an alarm.
create table if not exists event.outbox (
    position bigint primary key,
    id uuid not null unique default gen_random_uuid(),
    at timestamptz not null,
    type text not null,
    key text not null,
    coordinates text[] not null,
    cause_type text not null,
    cause_key text not null,
    clock text,
    name text not null,
    entered timestamptz not null default now()
);
create index if not exists outbox_name on event.outbox (name);

-- Appends events in one transaction with whatever calls it, and wakes the replicas. What has a name that was there before
-- is left out: a step that was sent again, and settled besides, is one.
create or replace function event.append(at timestamptz[], names text[], changes jsonb[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    last bigint;
begin
    select position into last from event.head for update;
    with fresh as (
        select distinct on (g.name) g.* from unnest(append.at, append.names, append.changes) as g (at, name, changes)
        where not exists (select from event.outbox o where o.name = g.name)
        order by g.name, g.at
    ), put as (
        insert into event.outbox (position, at, type, key, coordinates, cause_type, cause_key, clock, name)
        select last + row_number() over (order by one.at, one.name, each.n), one.at, each.v ->> 'type', each.v ->> 'key',
            array(select jsonb_array_elements_text(each.v -> 'coordinates')),
            each.v ->> 'causeType', each.v ->> 'causeKey', each.v ->> 'clock',
            one.name
        from fresh as one, jsonb_array_elements(one.changes) with ordinality as each (v, n)
        returning 1
    )
    update event.head set position = position + (select count(*) from put);
    perform pg_notify('hub_event', '');
end
$$;

-- INVARIANT of the outbox: an outcome that says `written` is in the log together with its events, or neither is. It does not
-- matter who writes the outcome: the step itself, or the round that settles what a crash left open.
create or replace function event.publish() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    moments timestamptz[];
    names text[];
    changed jsonb[];
begin
    -- Nearly every entry is an answer's: no more than a look at these.
    if not exists (select from added where kind = 'outcome') then
        return null;
    end if;
    if not exists (select from added join event.draft using (request, part) where kind = 'outcome') then
        return null;
    end if;
    with gone as (
        delete from event.draft d using added a
        where a.kind = 'outcome' and a.request = d.request and a.part = d.part
        returning d.at, d.name, d.changes, convert_from(a.bytes, 'UTF8')::jsonb -> 'facts' ? 'outcome=written' as happened
    )
    select array_agg(gone.at), array_agg(gone.name), array_agg(gone.changes)
    into moments, names, changed from gone where happened;
    if moments is not null then
        perform event.append(moments, names, changed);
    end if;
    return null;
end
$$;
create or replace trigger publishes after insert on log.pending
    referencing new table as added for each statement execute function event.publish();

-- Removes what is too old to be resumed from, and drafts whose intent never came to be.
create or replace function event.forget(before timestamptz) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    delete from event.draft where at < least(before, now() - interval '14 days');
    with gone as (delete from event.outbox where entered < before returning 1) select count(*) from gone;
$$;

revoke all on all tables in schema event from public;
revoke all on all functions in schema event from public;
grant usage on schema event to hub_log;
grant select, insert, delete on event.draft to hub_log;
grant select on event.head, event.outbox to hub_log;
grant execute on function event.append, event.forget to hub_log;

-- Rows that have waited too long, each once a clock: whichever replica looks, and however often. `ended`: since when the row
-- waits no more. `round`: how often it has come to wait: a report that is taken up again, a survey that is returned.
create table if not exists event.alarm (
    clock text not null,
    type text not null,
    key text not null,
    at timestamptz not null,
    ended timestamptz,
    primary key (clock, type, key)
);

alter table event.alarm add column if not exists round integer not null default 1;
-- Of an installation from before, when truancy was an alarm of the record and not of the enrolment.
update event.alarm set ended = now() where clock = 'truancy' and type = 'AttendanceRecord' and ended is null;
create index if not exists alarm_open on event.alarm (at, clock, key) where ended is null;

-- Raises the alarms that are new among `keys`, or had ended, each as an event, in one transaction; returns how many. An
-- alarm that is open is raised no second time, whoever looks at once: the row is held, and looked at again.
create or replace function event.raise_alarms(clock text, type text, waits text, keys text[], at timestamptz)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    fresh text[];
    rounds integer[];
begin
    with again as (
        update event.alarm a set at = raise_alarms.at, ended = null, round = a.round + 1
        where a.clock = raise_alarms.clock and a.type = raise_alarms.type and a.ended is not null
            and a.key = any (raise_alarms.keys)
        returning a.key as which, a.round as times
    ), new as (
        insert into event.alarm (clock, type, key, at)
        select raise_alarms.clock, raise_alarms.type, k, raise_alarms.at from unnest(keys) as k
        -- Most were raised long ago, and a conflict costs more than a look.
        where not exists (
            select from event.alarm a where a.clock = raise_alarms.clock and a.type = raise_alarms.type and a.key = k
        )
        order by k
        on conflict do nothing returning key as which, round as times
    ), raised as (select * from again union all select * from new)
    select array_agg(raised.which order by raised.which), array_agg(raised.times order by raised.which)
    into fresh, rounds from raised;
    if fresh is null then
        return 0;
    end if;
    perform event.append(
        array_agg(raise_alarms.at),
        array_agg(format('alarm/%s/%s/%s', raise_alarms.clock, raise_alarms.type, k) || case when n > 1 then '/' || n else '' end),
        array_agg(jsonb_build_array(jsonb_build_object(
            'type', raise_alarms.type, 'key', k, 'coordinates', jsonb_build_array(waits),
            'causeType', raise_alarms.type, 'causeKey', k, 'clock', raise_alarms.clock
        )))
    ) from unnest(fresh, rounds) as raised (k, n);
    return cardinality(fresh);
end
$$;

-- Notes which rows wait no more; `keys` are all that still do. What was raised after this look began is none of its
-- business: a replica that was held up would end what another has just raised, and have it raised twice.
create or replace function event.end_alarms(clock text, keys text[], at timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update event.alarm a set ended = end_alarms.at
    -- Not `<> all`, which compares each with each.
    where a.clock = end_alarms.clock and a.ended is null and a.at <= end_alarms.at
        and not exists (select from unnest(end_alarms.keys) as k where k = a.key);
$$;

revoke all on event.alarm from public;
revoke all on function event.raise_alarms, event.end_alarms from public;
grant select on event.alarm to hub_log;
grant execute on function event.raise_alarms, event.end_alarms to hub_log;
