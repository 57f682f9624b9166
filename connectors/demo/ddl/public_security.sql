-- public security: household data, reports, incidents, criminal cases, in the idiom of the GA/T 214 and GA/T 2000 series.
-- Everything in it is invented.
create table zd_xzqh (                    -- divisions
    dm varchar(12) primary key,
    mc varchar(60) not null
);

create table hj_czrk (                    -- household registrations
    hjbh varchar(20) not null,
    rybh varchar(16) not null,            -- number of the person
    gmsfhm varchar(18),
    xm varchar(30) not null,
    xbdm varchar(1) not null,             -- GB/T 2261.1
    csrq varchar(8) not null,
    hkztdm varchar(1) not null,
    hklbdm varchar(1),
    yhzgxdm varchar(2),                   -- relation to the head of household, GB/T 4761
    hjdz varchar(120),
    hjd_xzqhdm varchar(12),
    whyydm varchar(1)
);

create table jq_bg (                      -- reports
    bgbh varchar(24) not null,
    bgztlbdm varchar(1) not null,         -- kind of reporter
    bgdw varchar(60),                     -- reporting unit
    bgr_xm varchar(30),
    bgr_lxdh varchar(16),
    bgqxdm text[] not null,
    etms varchar(400),
    fsdd varchar(120),
    fsd_xzqhdm varchar(12) not null,
    jyqk varchar(1000),
    bgsj timestamptz not null,
    slsj timestamptz,
    bgzt varchar(1) not null,
    rybh varchar(16),                     -- the child, once matched
    gmsfhm varchar(18)
);

create table jq_cj (                      -- what was done about a report
    jqbh varchar(24) not null,
    bgbh varchar(24) not null,
    cjsj timestamptz not null,
    czcsdm text[] not null,
    fmlx boolean,                         -- parents reached
    zhqxdm varchar(1),
    zhmc varchar(60),
    jhrcldm varchar(1),
    shjd varchar(200),
    dcqk varchar(1000),
    larq date,
    tbxzsj timestamptz,
    tbcjsj timestamptz
);

create table xs_aj (                      -- criminal cases with a child as victim
    ajbh varchar(24) not null,
    jqbh varchar(24) not null,
    zmdm varchar(6) not null,             -- article of the Criminal Law
    xyr_xm varchar(30),
    xyr_gxdm varchar(2),                  -- GB/T 4761
    ajztdm varchar(1),
    bhr_rybh varchar(16),
    bhr_gmsfhm varchar(18)
);

-- loaded above this line, indexed below it
alter table hj_czrk add primary key (hjbh);
create index hj_czrk_gmsfhm on hj_czrk (gmsfhm, hjbh);
create index hj_czrk_rybh on hj_czrk (rybh, hjbh);
create index hj_czrk_xm on hj_czrk (xm, csrq);
create index hj_czrk_zt on hj_czrk (hkztdm, hjbh);
create index hj_czrk_csrq on hj_czrk (csrq, hjbh);
create index hj_czrk_csrq_jx on hj_czrk (csrq desc nulls last, hjbh);
create index hj_czrk_whyy on hj_czrk (whyydm, hjbh);
create index hj_czrk_xzqh on hj_czrk (hjd_xzqhdm, hjbh);
alter table jq_bg add primary key (bgbh);
alter table jq_bg add column bbgbh varchar(24) references jq_bg; -- the report into which this one was merged
create index jq_bg_gmsfhm on jq_bg (gmsfhm, bgbh);
create index jq_bg_rybh on jq_bg (rybh, bgbh);
create index jq_bg_xzqh on jq_bg (fsd_xzqhdm, bgbh);
create index jq_bg_zt on jq_bg (bgzt, bgbh);
create index jq_bg_dw on jq_bg (bgdw, bgbh);
create index jq_bg_sj on jq_bg (bgsj, bgbh);
create index jq_bg_sj_jx on jq_bg (bgsj desc nulls last, bgbh);
create index jq_bg_slsj on jq_bg (slsj, bgbh);
create index jq_bg_slsj_jx on jq_bg (slsj desc nulls last, bgbh);
create index jq_bg_bgr on jq_bg (bgr_xm, bgbh);
create index jq_bg_lxdh on jq_bg (bgr_lxdh, bgbh);
create index jq_bg_qx on jq_bg using gin (bgqxdm);
alter table jq_cj add primary key (jqbh);
create unique index jq_cj_bgbh on jq_cj (bgbh);
create index jq_cj_cjsj on jq_cj (cjsj, jqbh);
create index jq_cj_cs on jq_cj using gin (czcsdm);
create index jq_cj_cl on jq_cj (jhrcldm, bgbh);
create index jq_cj_cjsj_jx on jq_cj (cjsj desc nulls last, jqbh);
create index jq_cj_la on jq_cj (larq, jqbh);
create index jq_cj_la_jx on jq_cj (larq desc nulls last, jqbh);
create index jq_cj_tbxz on jq_cj (tbxzsj, jqbh);
create index jq_cj_tbxz_jx on jq_cj (tbxzsj desc nulls last, jqbh);
create index jq_cj_tbcj on jq_cj (tbcjsj, jqbh);
create index jq_cj_tbcj_jx on jq_cj (tbcjsj desc nulls last, jqbh);
alter table xs_aj add primary key (ajbh);
create index xs_aj_jqbh on xs_aj (jqbh);
create index xs_aj_sfhm on xs_aj (bhr_gmsfhm, ajbh);
create index xs_aj_rybh on xs_aj (bhr_rybh, ajbh);
create index xs_aj_zt on xs_aj (ajztdm, ajbh);
create index xs_aj_xyr on xs_aj (xyr_xm, ajbh);
