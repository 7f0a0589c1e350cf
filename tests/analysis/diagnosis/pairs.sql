-- A gold query, an answer, and the kinds of reasons that are due, in their order; none for two spellings of one query.
-- tables: singer(id, name, age, country), song(id, singer_id, title, year)

-- same
SELECT name FROM singer WHERE age > 20
select T1."NAME" AS n from Singer as T1 where 20 < T1.Age;

-- same
SELECT T1.name FROM singer AS T1 JOIN song AS T2 ON T1.id = T2.singer_id WHERE T2.year = 1999
SELECT name FROM song JOIN singer ON song.singer_id = singer.id AND year = 1999.0

-- same
SELECT name FROM singer, song WHERE singer.id = song.singer_id GROUP BY singer.id ORDER BY count(*) DESC LIMIT 1
SELECT name FROM singer INNER JOIN song ON singer.id = singer_id GROUP BY singer_id ORDER BY COUNT(*) desc limit 1

-- same
SELECT name FROM singer WHERE country IN ('Peru', 'Cuba') OR country != "Mali"
SELECT name FROM singer WHERE country <> 'Mali' OR country IN ('Cuba', 'Peru')

-- same
SELECT name, count(*) FROM singer GROUP BY name ORDER BY count(*)
SELECT name, count(1) AS n FROM singer GROUP BY 1 ORDER BY n ASC

-- same
SELECT title FROM song WHERE singer_id IN (SELECT id FROM singer WHERE age > 3)
WITH s AS (SELECT 1) SELECT title FROM song WHERE song.singer_id IN (SELECT T9.id FROM singer T9 WHERE (T9.age > 3))

-- same
SELECT avg(n) FROM (SELECT count(*) AS n FROM song GROUP BY singer_id)
SELECT AVG(x.how_many) FROM (SELECT COUNT(*) AS how_many FROM song GROUP BY song.singer_id) AS x

-- schema linking: table | schema linking: column
SELECT name FROM singer
SELECT title FROM song

-- schema linking: table
SELECT name FROM singer
SELECT name FROM singer JOIN song ON singer.id = song.singer_id

-- join
SELECT name FROM singer JOIN song ON singer.id = song.singer_id
SELECT name FROM singer JOIN song ON singer.id = song.id

-- join
SELECT name FROM singer JOIN song ON singer.id = song.singer_id
SELECT name FROM singer LEFT JOIN song ON singer.id = song.singer_id

-- schema linking: column
SELECT name FROM singer
SELECT country FROM singer

-- schema linking: column
SELECT name FROM singer WHERE age = 3
SELECT name FROM singer WHERE id = 3

-- aggregate
SELECT max(age) FROM singer
SELECT min(age) FROM singer

-- aggregate
SELECT max(age) FROM singer
SELECT age FROM singer

-- DISTINCT
SELECT count(DISTINCT country) FROM singer
SELECT count(country) FROM singer

-- DISTINCT
SELECT DISTINCT country FROM singer
SELECT country FROM singer

-- condition
SELECT name FROM singer WHERE age > 3
SELECT name FROM singer WHERE age >= 3

-- condition
SELECT name FROM singer WHERE age > 3 AND id = 1
SELECT name FROM singer WHERE age > 3

-- condition
SELECT name FROM singer WHERE age > 3 AND id = 1
SELECT name FROM singer WHERE age > 3 OR id = 1

-- condition
SELECT name FROM singer GROUP BY name HAVING count(*) > 3
SELECT name FROM singer GROUP BY name

-- value
SELECT name FROM singer WHERE country = 'France'
SELECT name FROM singer WHERE country = 'france'

-- value
SELECT name FROM singer WHERE age BETWEEN 1 AND 5
SELECT name FROM singer WHERE age BETWEEN 1 AND 6

-- grouping
SELECT name FROM singer GROUP BY name
SELECT name FROM singer GROUP BY country

-- order or limit
SELECT name FROM singer ORDER BY age
SELECT name FROM singer ORDER BY age DESC

-- order or limit
SELECT name FROM singer ORDER BY age LIMIT 1
SELECT name FROM singer ORDER BY age LIMIT 2

-- nesting | condition | order or limit
SELECT name FROM singer WHERE age = (SELECT max(age) FROM singer)
SELECT name FROM singer ORDER BY age DESC LIMIT 1

-- schema linking: column
SELECT title FROM song WHERE singer_id IN (SELECT id FROM singer)
SELECT title FROM song WHERE singer_id IN (SELECT age FROM singer)

-- set operation
SELECT name FROM singer WHERE age > 3 INTERSECT SELECT name FROM singer WHERE age < 9
SELECT name FROM singer WHERE age > 3 UNION SELECT name FROM singer WHERE age < 9

-- set operation | condition
SELECT name FROM singer WHERE age > 3 INTERSECT SELECT name FROM singer WHERE age < 9
SELECT name FROM singer WHERE age > 3 AND age < 9

-- extra column
SELECT name FROM singer
SELECT name, age FROM singer

-- missing column
SELECT name, age FROM singer
SELECT age FROM singer

-- columns in another order
SELECT name, age FROM singer
SELECT age, name FROM singer

-- computed otherwise
SELECT age + id FROM singer
SELECT age - id FROM singer
