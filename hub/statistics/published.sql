-- Declared tables of frozen quarters, in the hub's database: put in once, never changed. Run by the database's owner, after
-- log.sql; running it again changes nothing.

create table if not exists published_quarter (
    id text primary key,            -- the quarter, 2026Q3
    at timestamptz not null,
    policy text not null,           -- the policy version whose tables these are
    tables text[] not null          -- codes, those without a cell included
);
create table if not exists published_cell (
    id text primary key,            -- quarter, table and number
    quarter text not null references published_quarter (id),
    of_table text not null,         -- quarter/code
    groups text not null,           -- the group's values as a JSON list, in the order of the table's coordinates
    value text                      -- null: hidden
);
create index if not exists published_cell_table on published_cell (of_table, id);

revoke all on published_quarter, published_cell from public;
grant select, insert on published_quarter, published_cell to hub_log;
do $$ begin
    if exists (select from pg_roles where rolname = 'hub_read') then
        grant select on published_quarter, published_cell to hub_read;
    end if;
end $$;
