-- what one comparison works on, in memory and gone with it: rows of the three sources, and the hub's links and items.
-- full: the citizen id in its normal form; fault: what is wrong with it; plain: the name in its normal form.
create table file (
    register text, number text, accepted_number text, joins text, accepted boolean, division text, name text,
    sex text, birth text, registered boolean, household text, schooling text, away text,
    "full" text, fault text, plain text, accepted_full text
);
create table enrolment (
    key text, person text, number text, name text, sex text, birth text, household text, status text, flag text,
    father text, mother text, "full" text, fault text, plain text
);
create table dropout (key text, enrolment text);
create table household (
    key text, person text, number text, name text, sex text, birth text, household text, status text,
    "full" text, fault text, plain text
);
create table link (id text, source text, person text, register text, status text);
create table item (
    id text, subject text, class text, register text, education text, police text, field text, status text
);
create table parents (register text, father text, mother text);
create table sound (name text, sound text);
