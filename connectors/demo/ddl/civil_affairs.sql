-- civil affairs: register of left-behind children, in the pinyin abbreviations of such systems. Everything in it is invented.
-- Codes stand in varchar, never char(n): a padded type compares as another type than the text that a client sends, and
-- an index on it would not serve.
create table xzqh (                       -- divisions
    xzqhdm varchar(12) primary key,
    xzqhmc varchar(60) not null,
    sjdm varchar(12),                     -- parent
    jb smallint not null                  -- 1 district, 2 town, 3 village
);

create table etda (                       -- one child, one file
    dabh varchar(20) not null,            -- file number
    xm varchar(30) not null,
    sfzh varchar(18),
    xb varchar(1) not null,               -- GB/T 2261.1
    csrq date not null,
    mz varchar(2),                        -- GB/T 3304
    xzqhdm varchar(12) not null,
    sfdjhk varchar(1) not null,           -- household registered
    hjd varchar(120),
    hjd_xzqh varchar(12),
    xjzd varchar(120),
    xjzd_xzqh varchar(12),
    stqk varchar(1),
    cjlb varchar(1),                      -- GB/T 26341
    cjdj smallint,
    hblx varchar(60),
    jxqk varchar(2),
    wcqk varchar(1),                      -- which parents are away
    sfwt varchar(1),
    dzjz varchar(1),                      -- lives alone
    jhlx varchar(1),
    jjly varchar(20),                     -- income sources, codes separated by commas
    jjkn varchar(1),
    jzbf varchar(20),                     -- assistance of the form, codes separated by commas
    zfrq date,                            -- last visit
    gxsj timestamp not null,              -- local time
    dazt varchar(1) not null,             -- 1 open, 0 closed
    sfsh varchar(1) not null,             -- 1 once it was accepted
    sh_sfzh varchar(18),                  -- citizen id, division and quarter of the last acceptance
    sh_xzqhdm varchar(12),
    sh_jd varchar(6)
);

create table etjtcy (                     -- family members
    cybh varchar(24) not null,
    dabh varchar(20) not null,
    gx varchar(2) not null,               -- GB/T 4761
    xm varchar(30) not null,
    sfzh varchar(18),
    csrq date,
    lxdh varchar(16),
    wgdd varchar(40),
    jhnl varchar(1)
);

create table etjhr (                      -- guardians
    jhrbh varchar(24) not null,
    dabh varchar(20) not null,
    jhrlb varchar(1) not null,
    xm varchar(30) not null,
    sfzh varchar(18),
    lxdh varchar(16),
    gx varchar(2),                        -- GB/T 4761
    dz varchar(120),
    dz_xzqh varchar(12),
    jhnl varchar(1),
    blxrq date,                           -- not performing the duty since
    jdrq date                             -- last supervised
);

create table pgxx (                       -- assessments
    pgbh varchar(24) not null,
    dabh varchar(20) not null,
    jqbh varchar(24),                     -- incident number that the police gave
    wcrq date,
    aqcj varchar(1),
    jhqk varchar(1),
    stjk varchar(1),
    xljk varchar(1),
    fxdj varchar(1),
    jyfw varchar(60),                     -- services recommended, codes separated by commas
    pgjl varchar(400)
);

create table bfxx (                       -- assistance
    bfbh varchar(24) not null,
    dabh varchar(20) not null,
    pgbh varchar(24),
    bflb varchar(2) not null,
    zgrd varchar(1) not null,
    tgdw varchar(60) not null,            -- providing unit
    ksrq date,
    jsrq date,
    je numeric(12, 2),
    zt varchar(1) not null
);

create table dcbs (                       -- quarterly survey submissions
    bsbh varchar(24) not null,
    xzqhdm varchar(12) not null,
    tbjb varchar(1) not null,
    jd varchar(6) not null,
    bszt varchar(1) not null,
    zcs integer not null,
    tbr varchar(30),
    bssj timestamp,                       -- local time
    thyy varchar(200)
);

-- loaded above this line, indexed below it
alter table etda add primary key (dabh);
create index etda_xzqh on etda (xzqhdm, dabh);
create index etda_sh_xzqh on etda (sh_xzqhdm, dabh);
create index etda_sfzh on etda (sfzh);
create index etda_sh_sfzh on etda (sh_sfzh, dazt);
create index etda_csrq on etda (csrq, dabh);
create index etda_csrq_jx on etda (csrq desc nulls last, dabh);
create index etda_gxsj on etda (gxsj, dabh);
create index etda_gxsj_jx on etda (gxsj desc nulls last, dabh);
create index etda_zfrq on etda (zfrq, dabh);
create index etda_zfrq_jx on etda (zfrq desc nulls last, dabh);
create index etda_xm on etda (xm varchar_pattern_ops);
create index etda_mz on etda (mz, dabh);
create index etda_jhlx on etda (jhlx, dabh);
create index etda_jxqk on etda (jxqk, dabh);
create index etda_stqk on etda (stqk, dabh);
create index etda_cjlb on etda (cjlb, dabh);
create index etda_cj on etda ((case cjlb when '1' then 'VISUAL' when '2' then 'HEARING' when '3' then 'SPEECH'
    when '4' then 'PHYSICAL' when '5' then 'INTELLECTUAL' when '6' then 'MENTAL' when '7' then 'MULTIPLE' end), dabh);
create index etda_cjdj on etda (cjdj, dabh);
create index etda_hblx on etda (hblx, dabh);
create index etda_whk on etda (dabh) where sfdjhk <> '1';
create index etda_dzjz on etda (dabh) where dzjz = '1';
alter table etjtcy add primary key (cybh);
create index etjtcy_dabh on etjtcy (dabh, cybh);
alter table etjhr add primary key (jhrbh);
create index etjhr_dabh on etjhr (dabh, jhrbh);
create index etjhr_blxrq on etjhr (blxrq, dabh) where blxrq is not null;
alter table pgxx add primary key (pgbh);
create index pgxx_dabh on pgxx (dabh, pgbh);
create index pgxx_jqbh on pgxx (jqbh);
create index pgxx_wcrq on pgxx (wcrq, dabh);
create index pgxx_wcrq_jx on pgxx (wcrq desc nulls last, pgbh);
create index pgxx_jhqk on pgxx (jhqk, pgbh);
alter table bfxx add primary key (bfbh);
create index bfxx_dabh on bfxx (dabh, bfbh);
create index bfxx_pgbh on bfxx (pgbh);
create index bfxx_tgdw on bfxx (tgdw, zt, dabh);
create index bfxx_bflb on bfxx (bflb, zt, dabh);
create index bfxx_ksrq on bfxx (ksrq, bfbh);
create index bfxx_ksrq_jx on bfxx (ksrq desc nulls last, bfbh);
create index bfxx_jsrq on bfxx (jsrq, bfbh);
create index bfxx_jsrq_jx on bfxx (jsrq desc nulls last, bfbh);
create index bfxx_je on bfxx (round(je::numeric, 2), bfbh);
alter table dcbs add primary key (bsbh);
create unique index dcbs_xzqh on dcbs (xzqhdm, jd);
create index dcbs_jb on dcbs (tbjb, jd, bsbh);
create index dcbs_zt on dcbs (bszt, jd);
create index dcbs_jd on dcbs (jd, bsbh);
create index dcbs_jd_jx on dcbs (jd desc nulls last, bsbh);
create index dcbs_bssj on dcbs (bssj, bsbh);
create index dcbs_bssj_jx on dcbs (bssj desc nulls last, bsbh);
create index dcbs_zcs on dcbs (zcs, bsbh);
create index dcbs_tbr on dcbs (tbr, bsbh);
