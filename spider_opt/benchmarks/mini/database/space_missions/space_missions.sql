CREATE TABLE agency (
    agency_id INTEGER PRIMARY KEY,
    agency_name TEXT NOT NULL,
    country TEXT,
    budget_millions INTEGER,
    founded INTEGER
);

CREATE TABLE rocket (
    rocket_id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    agency_id INTEGER NOT NULL,
    height_m REAL,
    payload_kg INTEGER,
    reusable TEXT,
    FOREIGN KEY (agency_id) REFERENCES agency (agency_id)
);

CREATE TABLE mission (
    mission_id INTEGER PRIMARY KEY,
    mission_name TEXT NOT NULL,
    rocket_id INTEGER NOT NULL,
    destination TEXT,
    launch_date TEXT,
    outcome TEXT,
    cost_millions REAL,
    FOREIGN KEY (rocket_id) REFERENCES rocket (rocket_id)
);

CREATE TABLE astronaut (
    astronaut_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    agency_id INTEGER,
    birth_year INTEGER,
    specialty TEXT,
    FOREIGN KEY (agency_id) REFERENCES agency (agency_id)
);

CREATE TABLE crew (
    mission_id INTEGER NOT NULL,
    astronaut_id INTEGER NOT NULL,
    role TEXT,
    PRIMARY KEY (mission_id, astronaut_id),
    FOREIGN KEY (mission_id) REFERENCES mission (mission_id),
    FOREIGN KEY (astronaut_id) REFERENCES astronaut (astronaut_id)
);

INSERT INTO agency (agency_id, agency_name, country, budget_millions, founded) VALUES
    (1, 'Nordstern Raumfahrt', 'Germany', 2100, 1988),
    (2, 'Aurora Deep Space', 'Canada', 1450, 1999),
    (3, 'Ceibo Espacial', 'Argentina', NULL, 2006),
    (4, 'Tsukuyomi Works', 'Japan', 3200, 1979),
    (5, 'Halcyon Orbital', 'United Kingdom', 980, 2012),
    (6, 'Kestrel Group', 'Canada', NULL, 2019);

INSERT INTO rocket (rocket_id, model, agency_id, height_m, payload_kg, reusable) VALUES
    (1, 'Fjord 1', 1, 38.2, 4200, 'N'),
    (2, 'Fjord 2', 1, 52.0, 9800, 'Y'),
    (3, 'Borealis', 2, 47.5, 7600, 'Y'),
    (4, 'Ñandú', 3, 29.9, 1500, 'N'),
    (5, 'Kaguya Heavy', 4, 71.3, 22500, 'N'),
    (6, 'Kaguya Light', 4, 33.6, 3100, 'Y'),
    (7, 'Swift', 5, 24.0, 900, 'Y'),
    (8, 'Swift', 2, 26.5, 1100, NULL),
    (9, 'Long Oar', 4, 58.8, 14000, 'N');

INSERT INTO mission (mission_id, mission_name, rocket_id, destination, launch_date, outcome, cost_millions) VALUES
    (1, 'Lantern', 1, 'low orbit', '2009-03-14', 'success', 120.0),
    (2, 'Lantern II', 2, 'low orbit', '2012-06-30', 'success', 185.5),
    (3, 'Grey Heron', 3, 'Moon', '2013-11-02', 'failure', 410.0),
    (4, 'Grey Heron B', 3, 'Moon', '2015-04-19', 'success', 395.0),
    (5, 'Colibrí', 4, 'low orbit', '2014-08-08', 'Success', 60.0),
    (6, 'Obsidian', 5, 'Mars', '2016-01-25', 'success', 1240.0),
    (7, 'Tide Watcher', 6, 'low orbit', '2016-09-12', 'success', 95.0),
    (8, 'Selenite', 5, 'Moon', '2018-02-17', 'partial', 780.0),
    (9, 'Pip', 7, 'low orbit', '2019-05-05', 'failure ', NULL),
    (10, 'Pip', 7, 'low orbit', '2019-12-01', 'success', 35.0),
    (11, 'Rust Garden', 5, 'Mars', '2020-07-21', 'success', 1310.0),
    (12, 'Fjordlys', 2, 'Moon', '2021-10-10', 'success', 395.0),
    (13, 'Amber Road', 3, 'Venus', '2022-03-03', NULL, 520.0),
    (14, 'Second Wind', 2, 'low orbit', '2023-06-18', 'success', 150.0),
    (15, 'Quiet Sea', 6, 'low orbit', '2023-09-29', 'FAILURE', 88.0),
    (16, 'Wren', 8, 'low orbit', '2024-02-11', 'success', NULL);

INSERT INTO astronaut (astronaut_id, name, agency_id, birth_year, specialty) VALUES
    (1, 'Ingrid Solheim', 1, 1971, 'pilot'),
    (2, 'Jürgen Weiß', 1, 1968, 'engineer'),
    (3, 'Amélie Tremblay', 2, 1980, 'geologist'),
    (4, 'Noah Whitecloud', 2, 1977, 'pilot'),
    (5, 'Luz Benavídez', 3, 1983, 'biologist'),
    (6, 'Haruka Mori', 4, 1975, 'engineer'),
    (7, 'Kenji Ōta', 4, 1981, 'pilot'),
    (8, 'Sora Nakahara', 4, 1986, NULL),
    (9, 'Imogen Ashby', 5, 1979, 'physician'),
    (10, 'Daniel Okafor', 5, 1984, 'pilot'),
    (11, 'Kaveh Rostami', NULL, 1990, 'engineer');

INSERT INTO crew (mission_id, astronaut_id, role) VALUES
    (2, 1, 'commander'),
    (2, 2, 'flight engineer'),
    (4, 1, 'flight engineer'),
    (4, 3, 'mission specialist'),
    (4, 4, 'commander'),
    (6, 6, 'flight engineer'),
    (6, 7, 'commander'),
    (8, 3, 'mission specialist'),
    (8, 7, 'commander'),
    (8, 8, 'mission specialist'),
    (10, 10, 'commander'),
    (11, 6, 'flight engineer'),
    (11, 7, 'commander'),
    (11, 8, 'mission specialist'),
    (11, 9, 'medical officer'),
    (12, 1, 'commander'),
    (12, 2, 'flight engineer'),
    (12, 4, 'pilot'),
    (13, 3, 'commander'),
    (13, 9, 'medical officer'),
    (14, 1, 'flight engineer'),
    (14, 2, 'commander'),
    (14, 5, 'mission specialist'),
    (15, 8, 'commander');
