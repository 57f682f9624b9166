-- procuratorate: prosecutions and supervisions, in the pinyin abbreviations of such systems. Everything in it is invented.
create table zd_xzqh (                    -- divisions
    dm varchar(12) primary key,
    mc varchar(60) not null
);

create table gs_aj (                      -- cases under review or prosecuted
    ajid varchar(24) not null,
    gaajbh varchar(24) not null,          -- the police's case number
    ajzt varchar(1) not null,
    qsrq date,
    bhrjz varchar(1)                      -- relief to the victim
);

create table jd_ws (                      -- supervisions
    wsbh varchar(24) not null,
    jdlb varchar(1) not null,
    bjddw varchar(60) not null,           -- unit addressed
    fcrq date not null,
    jdnr varchar(400) not null,
    hfqx date,
    hfrq date,
    jdjg varchar(1) not null,
    etbh varchar(16),                     -- number of the child, null where no child is concerned
    etsfzh varchar(18)
);

-- loaded above this line, indexed below it
alter table gs_aj add primary key (ajid);
create unique index gs_aj_gaajbh on gs_aj (gaajbh);
create index gs_aj_zt on gs_aj (ajzt, gaajbh);
alter table jd_ws add primary key (wsbh);
create index jd_ws_sfzh on jd_ws (etsfzh, wsbh);
create index jd_ws_etbh on jd_ws (etbh, wsbh);
create index jd_ws_jdjg on jd_ws (jdjg, wsbh);
create index jd_ws_bjddw on jd_ws (bjddw, wsbh);
create index jd_ws_fcrq on jd_ws (fcrq, wsbh);
create index jd_ws_fcrq_jx on jd_ws (fcrq desc nulls last, wsbh);
create index jd_ws_hfqx on jd_ws (hfqx, wsbh);
create index jd_ws_hfqx_jx on jd_ws (hfqx desc nulls last, wsbh);
create index jd_ws_hfrq on jd_ws (hfrq, wsbh);
create index jd_ws_hfrq_jx on jd_ws (hfrq desc nulls last, wsbh);
