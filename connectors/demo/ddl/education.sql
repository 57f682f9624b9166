-- education: enrolment, attendance, dropout control, in the idiom of the JY/T 1000 series. Everything in it is invented.
-- Dates are eight digits, as in those standards, in varchar (a padded char(8) would not compare as text).
create table zd_xzqh (                    -- divisions
    xzqhm varchar(12) primary key,
    mc varchar(60) not null
);

create table jy_xx (                      -- schools
    xxbsm varchar(10) primary key,
    xxmc varchar(60) not null,
    bxlxm varchar(2) not null,
    xzqhm varchar(12) not null
);

create table jy_xsxj (                    -- enrolments
    xjid varchar(20) not null,
    grbsm varchar(16) not null,           -- number of the person
    sfzjh varchar(18),
    xm varchar(30) not null,
    xbm varchar(1) not null,              -- GB/T 2261.1
    csrq varchar(8) not null,
    xjh varchar(24) not null,
    xxbsm varchar(10) not null,
    xdm varchar(2) not null,
    xjztm varchar(2) not null,
    jdfsm varchar(1),
    sflset varchar(1) not null,           -- left-behind flag 0, 1, 2
    zzlbm varchar(12),                    -- subsidies, codes separated by semicolons
    hkszdm varchar(12),                   -- village of the household
    fqxm varchar(30),                     -- father's and mother's name, as the school was told
    mqxm varchar(30)
);

create table jy_kqjl (                    -- attendance by term
    kqid varchar(24) not null,
    xjid varchar(20) not null,
    xq varchar(11) not null,
    kkts smallint not null,
    lxkkts smallint not null,
    lxjhrrq varchar(8)
);

create table jy_kcbx (                    -- dropout control
    kcid varchar(24) not null,
    xjid varchar(20) not null,
    djrq varchar(8) not null,
    cxyym varchar(2) not null,
    kcztm varchar(1) not null,
    qfcs smallint not null,
    bgjyjrq varchar(8),
    bgxzrq varchar(8),
    fxrq varchar(8)
);

-- loaded above this line, indexed below it
create index jy_xx_xxmc on jy_xx (xxmc, xxbsm);
alter table jy_xsxj add primary key (xjid);
create index jy_xsxj_sfzjh on jy_xsxj (sfzjh, xjid);
create index jy_xsxj_grbsm on jy_xsxj (grbsm, xjid);
create index jy_xsxj_xxbsm on jy_xsxj (xxbsm, xjid);
create index jy_xsxj_lset on jy_xsxj (xjid) where sflset <> '0';
create index jy_xsxj_zt on jy_xsxj (xjztm, xjid);
create index jy_xsxj_xm on jy_xsxj (xm, csrq);
create index jy_xsxj_xjh on jy_xsxj (xjh, xjid);
create index jy_xsxj_xdm on jy_xsxj (xdm, xjid);
alter table jy_kqjl add primary key (kqid);
create index jy_kqjl_xjid on jy_kqjl (xjid, kqid);
create index jy_kqjl_kk on jy_kqjl (xjid) where lxkkts >= 3 or kkts >= 10;
alter table jy_kcbx add primary key (kcid);
create index jy_kcbx_xjid on jy_kcbx (xjid, kcid);
create index jy_kcbx_zt on jy_kcbx (kcztm, kcid);
create index jy_kcbx_djrq on jy_kcbx (djrq, kcid);
create index jy_kcbx_djrq_jx on jy_kcbx (djrq desc nulls last, kcid);
create index jy_kcbx_bgjyjrq on jy_kcbx (bgjyjrq, kcid);
create index jy_kcbx_bgjyjrq_jx on jy_kcbx (bgjyjrq desc nulls last, kcid);
create index jy_kcbx_bgxzrq on jy_kcbx (bgxzrq, kcid);
create index jy_kcbx_bgxzrq_jx on jy_kcbx (bgxzrq desc nulls last, kcid);
create index jy_kcbx_fxrq on jy_kcbx (fxrq, kcid);
create index jy_kcbx_fxrq_jx on jy_kcbx (fxrq desc nulls last, kcid);
