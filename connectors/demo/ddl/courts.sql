-- courts: guardianship and criminal cases, in the pinyin abbreviations of such systems. Everything in it is invented.
create table xzqh (                       -- divisions
    dm varchar(12) primary key,
    mc varchar(60) not null
);

create table jh_aj (                      -- guardianship cases; one applied for has no number, day or state yet
    ajid varchar(24) not null,
    ah varchar(60),                       -- case number
    ay varchar(1) not null,               -- cause
    sqrlb varchar(1) not null,
    sqdw varchar(60),                     -- filing unit
    bsqr varchar(30),
    sqsy varchar(20),                     -- grounds, codes separated by commas
    slrq date,
    ajzt varchar(1),
    cprq date,
    zdjhrlb varchar(1),
    zdjhr varchar(60),
    zddw varchar(60),                     -- unit appointed guardian
    etbh varchar(16),                     -- number of the child
    etsfzh varchar(18)
);

create table xs_aj (                      -- criminal cases with a child as victim
    ajid varchar(24) not null,
    gaajbh varchar(24) not null,          -- the police's case number
    ah varchar(60),
    cpjg varchar(1),
    ajzt varchar(1) not null,
    bhrbh varchar(24),                    -- the victim's number as a party
    bhrsfzh varchar(18)
);

-- loaded above this line, indexed below it
alter table jh_aj add primary key (ajid);
create index jh_aj_sfzh on jh_aj (etsfzh, ajid);
create index jh_aj_etbh on jh_aj (etbh, ajid);
create index jh_aj_zt on jh_aj (ajzt, ajid);
create index jh_aj_ay on jh_aj (ay, ajzt, ajid);
create index jh_aj_slrq on jh_aj (slrq, ajid);
create index jh_aj_slrq_jx on jh_aj (slrq desc nulls last, ajid);
create index jh_aj_cprq on jh_aj (cprq, ajid);
create index jh_aj_cprq_jx on jh_aj (cprq desc nulls last, ajid);
create index jh_aj_sqdw on jh_aj (sqdw, ajid);
create index jh_aj_ah on jh_aj (ah, ajid);
create index jh_aj_bsqr on jh_aj (bsqr, ajid);
create index jh_aj_zdjhr on jh_aj (zdjhr, ajid);
create index jh_aj_zddw on jh_aj (zddw, ajid);
alter table xs_aj add primary key (ajid);
create unique index xs_aj_gaajbh on xs_aj (gaajbh);
create index xs_aj_bhr on xs_aj (bhrbh);
create index xs_aj_bhrsfzh on xs_aj (bhrsfzh);
create index xs_aj_zt on xs_aj (ajzt, gaajbh);
