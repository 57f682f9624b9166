-- Reports that wait for the police database, in the hub's own. Run by the database's owner; running it again changes
-- nothing. What a report says, and who reports, is sealed: a row shows that something waits, and since when.

create schema if not exists held;

create table if not exists held.report (
    name text primary key,          -- the act's own name, keyed: it tells nobody who gave it
    digest text not null,           -- of the content, keyed: another content under the same name is refused
    sealed bytea not null,          -- AES-256-GCM: nonce, ciphertext, tag
    first_at timestamptz not null,  -- the first attempt, from which the clocks of the report run
    refused text                    -- code of the refusal if the department will not have it; null while it waits
);

revoke all on held.report from public;
grant usage on schema held to hub_log;
grant select, insert, update, delete on held.report to hub_log;

-- Steps that write in two departments, from before the first write until after the last: what is found here after a
-- crash is taken to its end.
create table if not exists held.act (
    name text primary key,
    sealed bytea not null,
    first_at timestamptz not null
);

-- Which row it is about, keyed: of two acts about one row the second waits for nobody, and is told so. It would write its
-- first half before it learnt from the other department that the row had moved on.
alter table held.act add column if not exists subject text;
create unique index if not exists act_subject on held.act (subject);

revoke all on held.act from public;
grant select, insert, delete on held.act to hub_log;
