GRANT USAGE ON SCHEMA hub TO "writer";
GRANT SELECT, INSERT ON "hub"."hub_write" TO "writer";
GRANT INSERT ("id", "je", "lx", "rq", "zbh") ON "fu" TO "writer";
GRANT INSERT ("bh", "bl", "bq", "bw", "csrq", "dh", "dj", "du", "dz", "gx", "gxdm", "je", "lb", "ly", "pk", "qh", "sfz", "sr", "ts", "xb", "xm", "zt", "zu") ON "zhu" TO "writer";
GRANT SELECT ("id", "lx", "zbh") ON "fu" TO "writer";
GRANT SELECT ("bm", "mc") ON "xx" TO "writer";
GRANT SELECT ("bh", "dj", "lb", "qh", "xm", "xxbm", "zt", "zu") ON "zhu" TO "writer";
GRANT UPDATE ("lx") ON "fu" TO "writer";
GRANT UPDATE ("bl", "bq", "bw", "csrq", "dh", "dj", "du", "dz", "gx", "gxdm", "je", "lb", "ly", "pk", "qh", "sfz", "sr", "ts", "xb", "xm") ON "zhu" TO "writer";
