-- Statements compared with DuckDB over one copy of the rows, one a block.
-- `-- ordered` in front of one: the order of its rows counts as well. `-- broadcast`: EXPLAIN has to say so.
-- (DuckDB's ASOF join of large tables takes NULL for a match, that of small ones does not: no NULLs there.)

select count(*) from items

select * from items where id between 10 and 20

-- ordered
select * from items order by id limit 3

-- ordered
select id, grp from items order by grp desc nulls last, id limit 10 offset 5

-- ordered
select id, p from items where grp = 'g1' order by p, id limit 7

-- ordered
select id, p * 2 as twice from items order by twice desc nulls last, id limit 5

-- ordered
select -id as id from items order by id limit 4

-- ordered
select id, d from items order by 2 desc nulls first, 1 limit 12

-- ordered
select id from items order by s collate nocase nulls last, id limit 20

-- ordered
select id, ts from items order by ts nulls first, id desc limit 9 offset 3

-- ordered
select id from items order by id limit 0

-- ordered
select id from items order by id desc offset 860

-- ordered
select id from items order by n % 3 nulls last, id limit 15

-- ordered
select id from items order by flag, grp, n, id limit 30

select count(*) from (select id from items limit 17)

select count(*) from (select id from items where flag limit 1000000)

select count(*) from (select id from items limit 10 offset 870)

-- ordered
select distinct grp from items order by grp nulls first

select distinct grp, flag from items where n > 0

select distinct n from items

select distinct b from items

select distinct s, dt is null from items

select distinct upper(s) from items

-- ordered
select distinct on (grp) grp, id from items order by grp, id

select distinct country as c, country from cust

select count(*), count(grp), count(distinct grp) from items

select sum(n), sum(big), sum(p), sum(w), sum(f), sum(d), sum(flag) from items

select avg(n), avg(big), avg(p), avg(w), avg(tiny), avg(f), avg(d) from items

select min(id), max(id), min(s), max(s), min(ts), max(dt), min(b), max(b), min(flag) from items

select grp, count(*) as c, sum(p) as sp from items group by grp having count(*) > 100 and c < 200

-- ordered
select grp, count(*) as c from items group by grp order by c desc, grp limit 3

-- ordered
select grp as g, sum(n) from items group by g order by sum(n), g

-- ordered
select upper(grp) as u, max(p) - min(p) as spread from items group by u order by spread desc, u

-- ordered
select 1 as one, grp, count(*) from items group by all order by all

select grp, flag, n % 2 as odd, count(*), sum(d) from items group by 1, 2, 3

select grp, flag, count(*), grouping(grp), grouping(grp, flag) from items group by rollup (grp, flag)

select grp, flag, sum(p) from items group by cube (grp, flag)

select grp, flag, n, count(*) from items group by grouping sets ((grp, flag), (n), ()) having count(*) > 3

select coalesce(grp, 'none'), count(*) from items group by coalesce(grp, 'none')

select year(dt), month(dt), count(*), min(id) from items group by all

select date_trunc('month', ts) as m, count(*), sum(p) from items group by m

select strftime(dt, '%Y-%m') as ym, count(distinct grp) from items group by ym

select case when n > 0 then 'pos' when n < 0 then 'neg' end as sign, count(*), avg(n) from items group by sign

select n > 0 as positive, bool_and(flag), bool_or(flag) from items group by positive

select id % 10, id // 100, count(*) from items group by id % 10, id // 100

select grp, count(distinct n), sum(distinct n), count(*) from items group by grp

select count(distinct n), count(distinct grp), count(distinct dt), sum(p) from items

select count(distinct n) filter (where flag), sum(p) filter (where n > 0), count(*) filter (where s is null)
from items

select grp, count(distinct n) filter (where p > 0), min(p) filter (where not flag) from items group by grp

select grp, string_agg(id::varchar, ',' order by id) from items where id < 60 group by grp

select grp, list(id order by id)::varchar from items where id < 60 group by grp

select grp, arg_max(s, id), arg_min(note, id), max_by(id, id), argmin(id, -id) from items group by grp

select arg_max(s, p * 1000 + id), arg_min(s, p * 1000 + id) filter (where flag) from items

select grp, any_value(grp) from items group by grp

select bit_and(id), bit_or(id), bit_xor(id), bit_xor(big) from items where big is not null

select product(n) from items where n between 1 and 2 and id < 200

select count_if(flag), countif(n > 2), count_if(s like '%a%') from items

select median(n), mode(flag), quantile_cont(d, 0.25), quantile_disc(n, 0.75) from items

select round(stddev(d), 6), round(variance(n), 6), round(stddev_pop(p), 6), round(corr(n, d), 6) from items

select round(stddev(d), 6) from items where grp = 'g2' group by flag

select sum(n) + count(*) * 2 as x, max(id) - min(id), avg(n) / 2 from items

select sum(id) from items having sum(id) > 1

select 1 from items having count(*) > 100000

select count(*) from items group by grp having grp is not null

select grp, sum(count(*)) over () as total from items group by grp

select grp, count(*) as c, rank() over (order by count(*) desc, grp) from items group by grp qualify rank()
over (order by count(*) desc, grp) <= 3

select grp, sum(p), lag(sum(p)) over (order by grp) from items group by grp

select distinct count(*) > 100 from items group by grp, flag

select count(*), sum(x), avg(x), min(s) from nothing

select s, count(*) from nothing group by s

select s, count(*) from nothing group by rollup (s)

select * from nothing

select id from nothing order by id limit 3

select distinct s from nothing

select count(*), sum(p), min(s), bool_and(flag), count(distinct n) from items where id < 0

select grp, count(*) from items where id < 0 group by grp

select sum(n) from items where 1 = 0

select cast(sum(n) as double), cast(avg(p) as decimal(18, 4)), max(p)::varchar from items

select sum(n::smallint), sum(n::tinyint), avg(n::smallint), max(n::utinyint) from items where n >= 0

select sum(p::decimal(4, 1)) from items where p between 0 and 99

select sum(n::double), sum(n::decimal(38, 2)), avg(n::float) from items

select max(id::hugeint), sum(id::hugeint), sum(id::ubigint) from items

select min(dt::timestamp), max(ts::date), max(ts::time)::varchar from items

select max(interval 1 day * n)::varchar from items

select max(ts - timestamp '2020-01-01')::varchar from items

select count(*) from items where s = 'apple'

select id from items where s like 'a%' or s ilike '%AN%'

select id from items where s like 'a\_b%' escape '\'

select id from items where s not like '%e%' and s <> ''

select id from items where regexp_matches(s, '^[a-z]+$') and length(s) > 5

select id from items where contains(s, 'err') or starts_with(s, 'z')

select id from items where s in ('apple', 'it''s', 'été')

select id from items where s not in ('apple', 'zebra') and id < 50

select id from items where s not in ('apple', null)

select id from items where n in (1, 2, 3) and p is not null and not flag

select id from items where n between -2 and 2 and d not between 10 and 100

select id from items where p between 10 and 20.5

select id from items where dt >= '2021-01-01' and dt < date '2021-07-01'

select id from items where ts between '2021-01-01' and '2021-02-01 12:00:00'

select id from items where year(ts) = 2020 and month(dt) <> 2

select id from items where dt + interval 3 day > date '2021-06-01' and id < 300

select id from items where extract(dow from dt) = 1

select id from items where date_diff('day', dt, date '2021-01-01') between 0 and 20

select id from items where f > 1.5 and f < 3e0

select id from items where d / 2 > 100 and d * 2 < 300

select id from items where big > 1000000000000000

select id from items where big % 2 = 1 and big < 0

select id from items where w > 12345678901234567890500.0

select id from items where tiny = 0 or tiny < -90

select id from items where b is null

select id from items where b = 'hi'::blob

select id from items where octet_length(b) = 0

select id from items where flag

select id from items where not flag

select id from items where flag is null

select id from items where flag is not true

select id from items where flag = (n > 0)

select id from items where (flag and n > 0) or (not flag and n < 0)

select id from items where n is distinct from 3 and id < 30

select id from items where n is not distinct from null

select id from items where coalesce(n, 0) = 0

select id from items where nullif(n, 3) is null

select id from items where case when flag then n > 0 else n < 0 end

select id from items where greatest(n, 2) = 2 and least(n, 0) = 0

select id from items where abs(n) = 5

select id from items where n + 2147483647 > 0 and id < 0

select id from items where try_cast(s as int) = 42

select id from items where s = '42' and cast(s as int) = 42

select id from items where cast(s as int) = 42

select id from items where s = 42

select id from items where id < 10 and grp = 'nope' and n = 'x'

select id from items where n::varchar = '3'

select id from items where id::varchar like '1%' and id < 150

select id from items where (n, flag) = (3, true)

select id from items where (n, flag) in ((3, true), (2, false))

select id from items where true and id = 3

select id from items where null

select id from items where n

select id from items where id = 3 or false

select id from items where id in (select item from orders where qty > 4)

select id from items where id not in (select item from orders where item is not null)

select id from items i where exists (select 1 from orders o where o.item = i.id and o.qty = 3)

select id from items i where not exists (select 1 from orders o where o.item = i.id) and i.flag

select id from items where p > (select avg(p) from items where flag)

select id from items where n = (select max(n) from items) and d > (select min(d) from items)

select id from items where p > all (select credit / 100 from cust where credit is not null)

select id from items where n = any (select id from cust where country = 'PL')

select i.id, (select count(*) from orders o where o.item = i.id) from items i where i.id < 40

select i.id, (select max(o.qty) from orders o where o.item = i.id and o.qty < i.id) from items i where i.id
< 40

select c.id, (select sum(qty) from orders where cust = c.id) as s from cust c

select c.name, o.qty from cust c join orders o on c.id = o.cust where c.country = 'PL' and o.qty > 3

select c.country, count(*), sum(o.qty) from cust c join orders o on c.id = o.cust group by c.country

select c.country, i.grp, count(*) from cust c join orders o on c.id = o.cust join items i on i.id = o.item
group by all

select c.id, o.oid from cust c left join orders o on c.id = o.cust and o.qty = 5 where c.country is not null

select c.id, o.oid from cust c left join orders o on c.id = o.cust where o.oid is null

select c.id, o.oid from cust c left join orders o on c.id = o.cust where o.qty > 4 or o.qty is null

select c.id, o.oid from cust c right join orders o on c.id = o.cust and c.country = 'CN' where o.qty = 2

select c.id, o.oid from cust c full join orders o on c.id = o.cust and o.qty = 1 where c.id is null or o.oid
is null

select count(*) from cust c full outer join orders o on c.id = o.cust

select c.id from cust c semi join orders o on c.id = o.cust and o.qty > 4 where c.order = 2

select c.id from cust c anti join orders o on c.id = o.cust and o.qty > 4

select count(*) from cust a, cust b where a.id < b.id and a.country = 'PL' and b.country = 'DE'

select a.id, b.id from cust a join cust b on a.id = b.id + 1 and a.country = b.country

select a.id, b.id, c.id from cust a join cust b on a.id + 1 = b.id left join cust c on b.id + 1 = c.id where
a.order = 1 and c.country is null

select count(*) from cust cross join nothing

select count(*) from cust left join nothing on cust.id = nothing.id

select id, name, qty from cust join (select cust as id, qty from orders where qty > 4) using (id)

select cust.id from cust join nothing using (id)

select id from items join cust using (id) where country = 'PL' and id > 10

select id, grp, name from items left join cust using (id) where id < 80

select id, grp, name from items right join cust using (id) where id > 40

select id, items.id, cust.id from items full join cust using (id) where id between 55 and 65

select count(*) from (select id, name as grp from cust) natural join (select id from items)

select c.id, o.qty from (select * from cust where since is not null) c asof join orders o on c.id = o.cust and c.since >= o.placed where c.order > 1

select c.id, o.qty from (select * from cust where since is not null) c asof left join orders o on c.id = o.cust and c.since >= o.placed where
c.country = 'PL'

select c.id, l.m from cust c, lateral (select max(o.qty) as m from orders o where o.cust = c.id and o.qty <
5) l where c.country = 'DE'

select c.id, r.n from cust c, range(3) r(n) where c.id < 4 and r.n > 0

select c.id, v.x from cust c join (values (1, 'a'), (2, 'b')) v(k, x) on c.id = v.k where c.country is not
null

select i.id, u.x from items i, unnest([i.id, i.n]) u(x) where i.id < 20

select id, unnest([n, id]) as x from items where id < 10

select count(*) from items i join orders o on i.id = o.item join cust c on c.id = o.cust where i.flag and
c.country = 'CN' and o.qty in (1, 2)

select count(*) from (cust c left join orders o on c.id = o.cust) join items i on i.id = o.item where i.n > 0

select count(*) from cust c left join (orders o join items i on i.id = o.item and i.flag) on c.id = o.cust
where i.n is null

select c.id from cust c, orders o left join items i on i.id = o.item where c.id = o.cust and i.flag and
c.order = 3

select x.grp, x.c, y.s from (select grp, count(*) as c from items group by grp) x join (select grp, sum(p)
as s from items where flag group by grp) y on x.grp = y.grp

select * from (select grp, count(*) as c from items group by grp) where c > 120

select max(c), min(c), avg(c) from (select count(*) as c from items group by grp, flag)

select a.grp from (select grp, max(p) as m from items group by grp) a join items i on i.grp = a.grp and i.p
= a.m

select t.* from (select id, p from items order by p desc nulls last, id limit 5) t join orders o on o.item =
t.id

select (select max(p) from items) - (select min(p) from items)

select exists (select 1 from items where id = 3), exists (select 1 from nothing)

select (select count(*) from items where flag), (select count(distinct grp) from items)

with s as (select grp, count(*) as n from items group by grp) select max(n), sum(n) from s

with s as (select * from items where flag), z as (select grp, sum(p) as p from s group by grp) select
count(*), sum(p) from z

with a as (select id from items where n > 3), b as (select id from items where flag) select count(*) from a
join b using (id)

with items as (select * from cust where country = 'PL') select count(*) from items where id > 10

with a as materialized (select id, n from items where n > 0) select x.n, count(*) from a x join a y on x.id
= y.id group by x.n

with a as (select id from items where id < 20) select (select count(*) from a), (select max(id) from a)

with recursive r(k) as (select min(id) from items union all select k + 1 from r where k < 20) select
count(*), max(k) from r

with recursive r as (select id, order as o from cust where id = 1 union all select c.id, c.order from cust c
join r on c.id = r.id + 1 where c.country is not null) select * from r

with recursive items(n) as (select 1 union select n + 1 from items where n < 5) select * from items

with a as (with b as (select * from cust where id < 9) select * from b where country = 'PL') select count(*)
from a

select id from items where flag union select id from cust where country = 'PL'

select id from items where id < 20 union all select id from cust where id < 20

select n from items intersect select id from cust

select id from cust except select n from items

select n from items where id < 100 intersect all select id % 7 from cust

select grp from items union all select name from cust where id < 5

-- ordered
select id from items where id < 9 union all select id from cust where id < 5 order by id desc limit 5

select id, grp from items where id < 5 union all by name select name as grp, id from cust where id < 3

select id, country from cust where id < 9 union by name select id, grp from items where id < 5

select count(*) from (select grp from items group by grp union all select country from cust group by country)

(select max(id) from items) union all (select max(id) from cust) union all (select max(oid) from orders)

select id, row_number() over (order by id) from items where id < 40

select id, rank() over (partition by grp order by n) from items where id < 90

select id, sum(n) over (partition by grp order by id rows between 2 preceding and current row) from items
where id < 90

select id, first_value(id) over w, last_value(id) over w from items where id < 50 window w as (partition by
flag order by id)

select id, lag(p, 1, 0) over (order by id), lead(s) over (order by id) from items where id < 40

select id, ntile(4) over (order by id), cume_dist() over (order by id), percent_rank() over (order by id)
from cust

select grp, id from items qualify row_number() over (partition by grp order by id desc) = 1

select grp, max(id) over (partition by grp) as m from items where flag qualify m = id

select id, count(*) over (), sum(p) over (order by id range between 5 preceding and 5 following) from items
where id < 30

select id, avg(n) over (partition by flag) from items where n > 4

select id, count(*) filter (where flag) over (order by id) from items where id < 30

select count(*) as "Count of all", sum(n) as "select" from items

select "grp" as "GRP", "Id" from items where "ID" < 5

select ITEMS.ID, Items.Grp from Items where items.id = 8

select i.* from items as i where i.id = 8

select i.*, c.country from items i join cust c on i.id = c.id where c.country = 'PL' and i.n = 2

select * exclude (note, b) from items where id < 6

select * replace (n * 2 as n) from cust join (select id, n from items) using (id) where id < 5

select * rename (name as title) from cust where id < 5

select columns('n.*') from items where id = 6

select count(columns(*)) from cust

select min(columns(id, n)) from items

select id as n, n as id from items where id < 10

-- ordered
select id as n, n as id from items where id < 20 order by n desc

-- ordered
select n as id, id as other from items where other < 20 order by id nulls first, other

select grp as n, count(*) from items group by grp

select n as grp, count(*) from items group by grp, n

select length(s) as s, count(*) from items group by s

select length(s) as l, count(*) from items group by l having l > 3

select sum(n) as n from items where n > 2

select sum(n) as n from items group by grp having sum(n) > 3

select max(id) as id from items group by grp having id > 3

select id + 1 as a, a * 2 as c from items where id < 10

select id + 1 as a from items where a < 10

select grp || '-' || flag::varchar as k, count(*) from items group by k

select order, count(*) from cust group by order

select "order", sum(credit) from cust group by "order"

select cust.order from cust where cust.order = 3

select concat(grp, s), concat_ws('/', grp, n), s || null from items where id < 30

select upper(s), lower(s), reverse(s), length(s), substr(s, 2, 3), left(s, 2), right(s, 2), trim(s) from
items where id < 30

select replace(s, 'a', 'A'), split_part(s, 'a', 1), strpos(s, 'e'), repeat(s, 2), lpad(s, 8, '.'), ascii(s)
from items where id < 30

select md5(s), sha256(s), hex(b), to_base64(b), octet_length(b) from items where id < 30

select regexp_replace(s, '[aeiou]', '*', 'g'), regexp_extract(s, '[a-z]+') from items where id < 30

select dt + 1, dt - interval 1 month, dt - date '2020-01-01', last_day(dt), dayname(dt), week(dt),
quarter(dt) from items where id < 30

select ts + interval 90 minute, date_trunc('hour', ts), extract(epoch from ts), hour(ts),
date_part('minute', ts) from items where id < 30

select strftime(ts, '%d.%m.%Y %H:%M'), epoch_ms(ts), make_date(year(dt), 1, 1), datediff('month', dt, date
'2022-01-01') from items where id < 30

select p + 1, p * p, p / 3, p % 7, -p, round(p, 1), ceil(p), floor(p), abs(p), trunc(p) from items where id
< 30

select w + p, w * 2, w - w, w / 1000, round(w, 2), w::double from items where id < 30

select n + big, n * 1.5, n / 4, n // 4, n % 4, n & 7, n | 8, n << 2, xor(n, 3) from items where n >= 0 and
id < 60

select sqrt(abs(d)), ln(d + 1), exp(f / 10), pow(n, 2), sign(n), d::int, d::varchar, f::decimal(8, 3) from
items where id < 30

select cast(n as varchar), cast(p as int), cast(ts as date), cast(dt as varchar), cast(flag as int),
try_cast(s as double) from items where id < 30

select n::boolean, s::blob, id::double / 3, 7::utinyint, 300::smallint, 1::hugeint from items where id < 10

select coalesce(n, -1), ifnull(s, '?'), nullif(n, 2), if(flag, 1, 2), greatest(n, id), least(p, d) from
items where id < 40

select case n when 1 then 'one' when 2 then 'two' else 'many' end, count(*) from items group by all

select id from items where id in (1, 2, 3, 1000000) or id in (select 5)

select typeof(n), typeof(p), typeof(sum_p) from (select n, p, p + p as sum_p from items where id = 6)

select count(*) from items tablesample 100%

select * from items where nope = 1

select nope(id) from items

select id from items group by grp

select grp, id from items group by grp having sum(n) > 0

select sum(grp) from items

select count(*) from items where sum(n) > 3

select id from items, cust where country = 'PL'

select sum(sum(n)) from items

select id from items order by nope limit 3

select id from items limit -1

select grp, count(*) from items group by 3

select id from items where n > 'abc'

select max(id) over () from items group by grp

select id from items union select id, n from items

select cast(s as int) from items

select sum(cast(s as int)) from items

select count(*) from items where cast(s as int) > 0

select id from items where id < 3 and cast('abc' as int) = id

select 1 / 0, 1 % 0, 0.0 / 0 from items where id < 4

select sum(9223372036854775807 + id) from items

select max(n + 2147483647) from items

select avg(d) from items where d > 'nan'::double

select approx_count_distinct(id) > 100 from items

select histogram(n)::varchar from items

select grp, count(*) from items where note like 'xxx%' group by grp

select max(note), min(length(note)) from items

select a.id from items a where a.p = (select max(b.p) from items b where b.grp = a.grp)

select grp, (select count(*) from cust where cust.order = items.n) from items where id < 12

select count(*) from items a join items b on a.id = b.id where a.flag and b.n > 0 and a.p < b.d

select a.grp, b.flag, count(*) from items a join items b on a.id = b.id + 1 where a.n in (1, 2) and b.grp
like 'g%' group by all

select count(*) from items where (select max(order) from cust) > n

select grp, sum(p) as s from items group by grp order by s desc nulls last limit 2

pivot items on flag in (true, false) using count(*) group by grp

unpivot (select id, n, order from cust join (select id as k, n from items) on id = k where id < 5) on n, order

from items select id where id = 4

from cust

from items select grp, count(*) group by grp

values (1, 'a'), (2, 'b')

select 1 as one, 'a' as two

select * from range(5)

select count(*) from items where ts < now() and random() >= 0

select count(*) from items where dt < current_date

select count(*) > 0 from items where uuid()::varchar <> s

select * from (select 1 as id) s where id in (select id from items)

select sum(x) from (select n as x from items union all select id from cust)

select grp, sum(x) from (select grp, n as x from items where flag) group by grp

select count(*) from (select distinct grp, flag from items)

select count(*) from (select distinct on (grp) grp, id from items order by grp, id)

select d, count(*) from items where d is not null and d < 20 group by d having count(*) >= 1

select f, max(id) from items group by f

select b, count(*), min(id) from items group by b

select w, count(*) from items where id < 50 group by w

select flag, tiny > 0 as t, sum(tiny), avg(tiny), min(tiny) from items group by flag, t

select ts, dt, count(*) from items where id < 80 group by ts, dt

select id from items where (select 1) = 1 and id < 4

select count(*), 'x' as tag, 3 * 2 as six from items

select grp, 'x' as tag, count(*) from items group by grp, tag

select grp, count(*) * 100.0 / (select count(*) from items) from items group by grp

select count(*) from items where id > 5 and (grp is null or grp not in ('g1', 'g2')) and (n > 0 or n is null)

-- What no row meets is not evaluated, so it raises nothing.
select count(*) from nothing x join items i on x.id = i.id where cast(i.s as int) > 3

select count(*) from (select * from nothing) x, items i where cast(i.s as int) > x.id

-- Joins with a table that is small enough to go along with the fragments of the other one.

-- broadcast
select c.country, count(*) from orders o join cust c on o.cust = c.id group by c.country

-- broadcast
select c.country, count(*), sum(o.qty), avg(o.qty), min(o.placed), max(o.memo) from orders o join cust c
on o.cust = c.id group by c.country

-- broadcast
select country, count(*) from orders join cust on orders.cust = cust.id group by country

-- broadcast
select count(*), sum(o.qty), count(distinct c.country) from cust c, orders o where c.id = o.cust

-- broadcast
select c.name, count(*) from orders o join cust c on o.cust = c.id where o.qty > 2 and c.country = 'PL' group by all

-- Duplicate keys multiply rows.
-- broadcast
select c.name, count(*), sum(i.n) from items i join cust c on i.n = c.order group by c.name

-- broadcast
select count(*), sum(c.credit), avg(c.credit), sum(i.p * c.credit) from items i join cust c on i.n = c.order

-- broadcast
select c.order, i.grp, count(*), min(i.id + c.id) from items i join cust c on i.n = c.order group by 1, 2

-- broadcast
select count(distinct c.name), sum(distinct i.n), count(distinct i.n + c.order) from items i join cust c on i.n = c.order

-- NULLs in keys meet nobody, and everybody with IS NOT DISTINCT FROM.
-- broadcast
select count(*), count(c.country), count(i.n) from items i left join cust c on i.n = c.order

-- broadcast
select count(*) from items i join cust c on i.s = c.country

-- broadcast
select count(*), count(i.flag) from items i join cust c on i.grp is not distinct from c.country

-- broadcast
select c.since is null as undated, count(*) from items i join cust c on i.dt is not distinct from c.since group by 1

-- A small table without rows.
-- broadcast
select count(*), sum(i.n) from items i join nothing x on i.id = x.id

-- broadcast
select i.grp, count(*) from items i join nothing x on i.id = x.id group by i.grp

-- broadcast
select count(*), count(x.id), sum(x.x), min(x.s), max(i.id) from items i left join nothing x on i.id = x.id

-- broadcast
select i.grp, count(*), count(x.id) from items i left join nothing x on i.id = x.id group by i.grp

-- broadcast
select count(*) from items i anti join nothing x on i.id = x.id

-- broadcast
select count(*) from items i semi join nothing x on i.id = x.id

-- broadcast
select i.flag, count(*) from items i, nothing x group by i.flag

-- An outer join keeps each row of the large table once.
-- broadcast
select c.country, count(*), count(o.qty) from orders o left join cust c on o.cust = c.id group by c.country

-- broadcast
select c.country, count(*) from orders o left join cust c on o.cust = c.id and c.country = 'DE' group by 1

-- broadcast
select c.country, count(*) from orders o left join cust c on o.cust = c.id and o.qty > 3 group by 1

-- broadcast
select count(*) from orders o left join cust c on o.cust = c.id where c.id is null

-- broadcast
select count(*), count(c.id) from orders o left join cust c on o.cust = c.id where c.country = 'CN' or c.country is null

-- broadcast
select c.country, count(*) from cust c right join orders o on o.cust = c.id group by c.country

-- broadcast
select coalesce(c.country, 'none') as k, count(*) from orders o left join cust c on o.cust = c.id group by k having count(*) > 20

select c.country, count(*), count(o.oid) from cust c left join orders o on o.cust = c.id group by c.country

select c.country, count(*), count(o.oid) from orders o full join cust c on o.cust = c.id group by c.country

select count(*), count(o.oid), count(c.id) from orders o full join cust c on o.cust = c.id and o.qty = 2

-- USING and NATURAL
-- broadcast
select country, count(*), sum(n) from items join cust using (id) group by country

-- broadcast
select id, count(*) from items join cust using (id) group by id

-- broadcast
select id % 3 as k, count(*), max(name) from items left join cust using (id) group by k

-- broadcast
select count(*), sum(n), min(country) from items natural join cust

-- broadcast
select country, max(id) from items natural left join cust group by country

-- broadcast
select count(*) from (select items.id, name from items natural join cust)

select count(*) from (select id, oid from orders natural join cust)

-- broadcast
select cust.id, items.id, count(*) from items right join cust using (id) group by all

-- The same table on both sides.
-- broadcast
select a.grp, count(*) from items a join items b on a.n = b.id where b.id < 5 group by a.grp

-- broadcast
select count(*), sum(a.qty - b.qty) from orders a join orders b on a.cust = b.cust and b.qty = 5

-- broadcast
select b.country, count(*) from orders o join cust a on o.cust = a.id join cust b on a.order = b.id group by b.country

select a.country, count(*) from cust a join cust b on a.id = b.order group by a.country

-- More than one small table
-- broadcast
select c.country, x.s, count(*), sum(o.qty) from orders o join cust c on o.cust = c.id left join nothing x on x.id = c.id
group by all

-- broadcast
select c.country, d.country as other, count(*) from items i join cust c on i.n = c.id left join cust d on i.n + 1 = d.id
group by 1, 2

-- broadcast
select count(*) from items i join (cust c left join nothing x on c.id = x.id) on i.id = c.id

-- broadcast
select count(*), count(x.id) from items i join (cust c full join nothing x on c.id = x.id) on i.id = c.id

-- Conditions beyond equality
-- broadcast
select c.id, count(*) from orders o join cust c on o.cust < c.id and c.id < 12 group by c.id

-- broadcast
select count(*) from orders o join cust c on o.cust = c.id + 1

-- broadcast
select count(*) from orders o join cust c on o.cust = c.id or o.qty = c.order

-- broadcast
select c.country, count(*) from orders o join cust c on o.cust = c.id and o.placed > c.since group by c.country

-- broadcast
select count(*), count(c.id) from orders o left join cust c on true where c.id = 3 or c.id is null

-- broadcast
select count(*) from orders o cross join cust c where o.qty > c.order

-- Aggregates in their forms
-- broadcast
select c.country, count(*) filter (o.qty > 3), sum(o.qty) filter (c.credit > 2000), avg(o.qty * c.credit) from orders o
join cust c on o.cust = c.id group by c.country

-- broadcast
select c.country, o.qty, count(*), grouping(c.country) from orders o join cust c on o.cust = c.id
group by rollup (c.country, o.qty)

-- broadcast
-- ordered
select c.country, count(*) as n from orders o join cust c on o.cust = c.id group by c.country
having sum(o.qty) > 10 and n > 3 order by n desc, c.country nulls last limit 2

-- broadcast
-- ordered
select c.country, sum(count(*)) over (order by c.country nulls first) from orders o join cust c on o.cust = c.id
group by c.country order by 1 nulls first

-- broadcast
select c.country, arg_max(c.name, o.oid), min_by(o.memo, o.oid), bool_or(o.qty > 4) from orders o join cust c
on o.cust = c.id group by c.country

-- broadcast
select c.country, median(o.qty), stddev(o.qty) from orders o join cust c on o.cust = c.id group by c.country

-- broadcast
select c.country, count(distinct o.qty), count(*) from orders o join cust c on o.cust = c.id group by c.country

-- broadcast
select c.country || '-' || o.qty as k, count(*) from orders o join cust c on o.cust = c.id group by k

-- broadcast
select case when c.credit > 100000 then 'rich' when o.qty > 3 then 'busy' end as k, count(*), sum(c.credit + o.qty)
from orders o join cust c on o.cust = c.id group by 1

-- broadcast
select upper(c.name) as name, count(*) from orders o join cust c on o.cust = c.id where c.id < 20 group by upper(c.name)

-- broadcast
select sum(i.big), avg(i.big), sum(i.f), avg(i.tiny), sum(i.w), product(i.flag::int + c.order) from items i join cust c
using (id)

-- broadcast
select count(*), sum(n), max(n) from (select (c.name || case when o.qty > 3 then 'X' else 'x' end) collate nocase as k,
count(*) as n from orders o join cust c on o.cust = c.id group by 1)

-- broadcast
select c.country, count(*), min(i.id) from items i join cust c on i.n = c.order where i.id = 8 group by c.country

-- Within other statements
-- broadcast
with sold as (select c.country, sum(o.qty) as q from orders o join cust c on o.cust = c.id group by 1)
select a.country, a.q, b.q from sold a join sold b on a.q >= b.q

-- broadcast
select x.country, x.n * 2 from (select c.country, count(*) as n from orders o join cust c on o.cust = c.id group by 1) x
where x.n > 5

-- broadcast
select id, (select count(*) from orders o join cust c on o.cust = c.id and c.country = 'PL') as n from cust where id < 4

select id, (select count(*) from orders o join cust c on o.cust = c.id where c.order = k.id) as n from cust k where id < 4

-- broadcast
select id from cust where id in (select c.order from orders o join cust c on o.cust = c.id group by 1)

-- broadcast
select c.country from orders o join cust c on o.cust = c.id where o.qty = 1 group by 1
union all select c.country from items i join cust c on i.id = c.id where i.flag group by 1

-- broadcast
with cust as (select id, country from cust where id > 5), small as (select 1) select country, count(*) from cust group by 1
union all select x.s, count(*) from items i join nothing x using (id) group by x.s
union all select c.country, count(*) from orders o join nothing c2 on c2.id = o.cust join cust c on c.id = o.cust group by 1

select o.qty, count(*) from orders o join cust c on o.cust = c.id where c.credit > (select avg(credit) from cust) group by 1

select o.qty, count(*) from orders o join (select id from cust where country = 'PL') c on o.cust = c.id group by 1

-- The first rows, and the distinct ones
-- broadcast
-- ordered
select o.oid, c.name from orders o join cust c on o.cust = c.id order by o.oid limit 7

-- broadcast
-- ordered
select o.oid, c.name, o.qty * c.credit as worth from orders o join cust c on o.cust = c.id where c.country = 'DE'
order by worth desc nulls last, o.oid limit 5 offset 3

-- broadcast
-- ordered
select * from orders o join cust c on o.cust = c.id order by c.country nulls first, oid desc limit 6

-- broadcast
-- ordered
select c.*, o.oid from orders o left join cust c on o.cust = c.id order by o.placed desc, o.oid limit 9

-- broadcast
-- ordered
select i.id, c.id, c.name from items i join cust c on i.n = c.order order by i.id desc, 2 limit 20

-- broadcast
-- ordered
select id, n, country from items join cust using (id) order by id desc limit 4

-- broadcast
select count(*) from (select o.oid, c.id from orders o join cust c on o.cust = c.id limit 11)

-- broadcast
select distinct c.country, o.qty from orders o join cust c on o.cust = c.id

-- broadcast
-- ordered
select distinct c.country as k, o.qty from orders o join cust c on o.cust = c.id order by o.qty nulls first, k desc nulls last
limit 8

-- broadcast
select distinct o.qty + c.order from orders o join cust c on o.cust = c.id where c.country is not null

-- broadcast
-- ordered
select o.oid from orders o join cust c on o.cust = c.id order by c.name collate nocase, o.oid limit 12

-- Rows without a partner need not travel.
-- broadcast
select o.oid, c.name from orders o join cust c on o.cust = c.id where c.country = 'PL'

-- broadcast
select i.*, c.country from items i join cust c on i.id = c.id where c.order = 2

-- broadcast
select i.id, c.id from items i join cust c on i.n = c.order and i.s = c.country

-- broadcast
select id, grp, name from items join cust using (id)

-- broadcast
select o.oid, row_number() over (partition by c.country order by o.oid) from orders o join cust c on o.cust = c.id

-- broadcast
select c.id, o.oid from cust c left join orders o on c.id = o.cust and o.qty = c.order

-- broadcast
select c.id from cust c where exists (select 1 from orders o join cust d on o.cust = d.id where d.order = c.id)

select c.id from cust c where exists (select 1 from orders o join cust d on o.cust = d.id where d.order = c.id and o.qty > 4)

-- broadcast
select c.id, c.name from cust c anti join orders o on c.id = o.cust

-- broadcast
select o.oid, i.id from orders o join items i on o.item = i.id join cust c on c.id = o.cust and c.country = 'CN'

-- broadcast
select string_agg(c.name, ',' order by o.oid) from orders o join cust c on o.cust = c.id and c.order = o.qty
