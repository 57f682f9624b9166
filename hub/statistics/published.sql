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

-- The published indicators: put in by a freeze; a census figure stands beside them. Installations of before have the table.
create table if not exists statistic (
    id text primary key,
    division_code text not null,
    level text not null check (level in ('district', 'town', 'village')),
    quarter text not null,
    indicator text not null,
    value double precision,
    suppressed boolean not null,
    census_reference integer,
    check (value is null or not suppressed)
);
create unique index if not exists statistic_cell on statistic (division_code, quarter, indicator);
create index if not exists statistic_indicator on statistic (indicator, quarter, division_code);
create index if not exists statistic_quarter on statistic (quarter, id);
create index if not exists statistic_quarter_latest on statistic (quarter desc nulls last, id);
create index if not exists statistic_value on statistic (value, id);
create index if not exists statistic_census on statistic (census_reference, id);

revoke all on published_quarter, published_cell from public;
grant select, insert on published_quarter, published_cell, statistic to hub_log;
grant update (value, suppressed) on statistic to hub_log;
do $$ begin
    if exists (select from pg_roles where rolname = 'hub_read') then
        grant select on published_quarter, published_cell, statistic to hub_read;
    end if;
end $$;
