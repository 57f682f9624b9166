-- Webhooks in the hub's database: how far each target is, and what is on its way to it. Run after outbox.sql; running it again
-- changes nothing. A body holds ids sealed for its unit, codes and times.

create table if not exists event.webhook (
    name text primary key,
    position bigint not null
);

-- `due`: not before. `dead`: given up; `hub events retry` makes it due again.
create table if not exists event.message (
    target text not null,
    id text not null,
    position bigint not null,
    body text not null,
    attempts integer not null default 0,
    due timestamptz not null default now(),
    delivered timestamptz,
    dead timestamptz,
    failure text,
    primary key (target, id)
);
create index if not exists message_due on event.message (target, due) where delivered is null and dead is null;
create index if not exists message_dead on event.message (dead) where dead is not null;

revoke all on event.webhook, event.message from public;
grant select, insert, update on event.webhook to hub_log;
grant select, insert, update, delete on event.message to hub_log;
