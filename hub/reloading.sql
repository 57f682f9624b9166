-- Which policy was put in force last, in the hub's own database, so that every replica follows. Run by the database's
-- owner; running it again changes nothing.

create schema if not exists policy;

-- `number` counts the times: a replica that starts does not take what was told before for news.
create table if not exists policy.told (
    one boolean primary key default true check (one),
    number bigint not null,
    version text not null
);

revoke all on policy.told from public;
grant usage on schema policy to hub_log;
grant select, insert, update on policy.told to hub_log;
