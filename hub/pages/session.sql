-- Who is signed in to the hub's pages. Run by the database's owner. A session is known by the SHA-256 of its id alone, so
-- that whoever reads this table can be nobody.

create schema if not exists pages;

create table if not exists pages.session (
    id bytea primary key check (octet_length(id) = 32),
    credential jsonb not null,
    form text not null,
    expires timestamptz not null,
    seen timestamptz not null default now()
);

-- The survey's sheet that a session is about to enter, under a key that only the browser's cookie gives.
create table if not exists pages.sheet (
    session bytea primary key references pages.session (id) on delete cascade,
    sealed bytea not null
);

revoke all on pages.session, pages.sheet from public;
grant usage on schema pages to hub_log;
grant select, insert, update, delete on pages.session, pages.sheet to hub_log;
