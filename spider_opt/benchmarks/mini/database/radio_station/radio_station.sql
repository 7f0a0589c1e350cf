-- A local radio station: hosts, programmes, songs, what was played when, and sponsors. All data invented.

CREATE TABLE host (
    host_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    home_town TEXT,
    started_year INTEGER
);

CREATE TABLE programme (
    programme_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    genre TEXT,
    host_id INTEGER,
    weekday TEXT,
    start_time TEXT,
    length_min INTEGER,
    "Average Listeners" INTEGER,
    FOREIGN KEY (host_id) REFERENCES host (host_id)
);

CREATE TABLE song (
    song_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    artist TEXT,
    seconds INTEGER,
    release_year INTEGER
);

-- No key: a song played twice in one programme stands here twice. play_date comes in two formats.
CREATE TABLE play_log (
    programme_id INTEGER NOT NULL,
    song_id INTEGER NOT NULL,
    play_date TEXT,
    FOREIGN KEY (programme_id) REFERENCES programme (programme_id),
    FOREIGN KEY (song_id) REFERENCES song (song_id)
);

CREATE TABLE sponsor (
    sponsor_id INTEGER PRIMARY KEY,
    company TEXT NOT NULL,
    industry TEXT,
    budget INTEGER
);

CREATE TABLE sponsorship (
    programme_id INTEGER NOT NULL,
    sponsor_id INTEGER NOT NULL,
    amount INTEGER,
    PRIMARY KEY (programme_id, sponsor_id),
    FOREIGN KEY (programme_id) REFERENCES programme (programme_id),
    FOREIGN KEY (sponsor_id) REFERENCES sponsor (sponsor_id)
);

INSERT INTO host (host_id, name, home_town, started_year) VALUES
    (1, 'Bobby Marlow', 'Fairview', 1998),
    (2, 'Nadège Petit', 'Lyon', 2010),
    (3, 'Chuck Yates', 'Fairview', 2005),
    (4, 'Simone Adler', 'Vienna', 2016),
    (5, 'Raúl Ibarra', 'Monterrey', 2010),
    (6, 'Dot Pearson', 'fairview', 2021),
    (7, 'Theo Quill', NULL, 1987);

INSERT INTO programme
    (programme_id, title, genre, host_id, weekday, start_time, length_min, "Average Listeners") VALUES
    (1, 'Morning Drift', 'Talk', 1, 'Monday', '06:00', 180, 5400),
    (2, 'Vinyl Attic', 'Rock', 3, 'Saturday', '20:00', 120, 3100),
    (3, 'Chanson Hour', 'World', 2, 'Sunday', '17:00', 60, 1250),
    (4, 'Lunch Requests', 'Pop', 1, 'Wednesday', '12:00', 90, 4200),
    (5, 'Late Fuse', 'Electronic', 4, 'Friday', '23:00', 120, 2100),
    (6, 'Night Owls', 'Jazz', 4, 'Thursday', '22:00', 120, 1800),
    (7, 'Ritmo', 'World', 5, 'Saturday', '18:00', 60, 1900),
    (8, 'Chart Chase', 'pop ', 6, 'Friday', '16:00', 90, 4800),
    (9, 'Newsroom', 'Talk', NULL, 'Monday', '18:00', 30, 3900),
    (10, 'Blue Notes', 'Jazz', 2, 'Sunday', '21:00', 90, NULL);

INSERT INTO song (song_id, title, artist, seconds, release_year) VALUES
    (1, 'Copper Sky', 'The Lanterns', 214, 2003),
    (2, 'Last Tram Home', 'The Lanterns', 187, 2007),
    (3, 'Sous la pluie', 'Aurélie Blanc', 241, 2012),
    (4, 'Polka Dot Radio', 'Mint Parade', 176, 2019),
    (5, 'Deep Current', 'Okta', 398, 2015),
    (6, 'Blue Corridor', 'Sal Whitmore Trio', 325, 1964),
    (7, 'Señora Luna', 'Los Faroles', 203, 1998),
    (8, 'Paper Planes Over Leeds', 'mint parade ', 192, 2021),
    (9, 'Static Garden', 'Okta', NULL, 2018),
    (10, 'Copper Sky', 'Josie Fenn', 201, 2020),
    (11, 'Autumn Ledger', 'Sal Whitmore Trio', 287, 1959),
    (12, 'Unplayed Demo', 'Josie Fenn', 150, 2022);

INSERT INTO play_log (programme_id, song_id, play_date) VALUES
    (2, 1, '2024-05-04'),
    (2, 2, '2024-05-04'),
    (2, 1, '2024-05-11'),
    (2, 10, '2024-05-11'),
    (2, 1, '2024-05-11'),
    (3, 3, '2024-05-05'),
    (3, 3, '2024-05-12'),
    (4, 4, '2024-05-01'),
    (4, 8, '2024-05-01'),
    (4, 10, '2024-05-08'),
    (4, 4, '2024-05-08'),
    (5, 5, '2024-05-03'),
    (5, 9, '2024-05-03'),
    (5, 5, '10/05/2024'),
    (6, 6, '2024-05-02'),
    (6, 11, '2024-05-09'),
    (6, 6, '09/05/2024'),
    (7, 7, '2024-05-04'),
    (7, 7, '2024-05-11'),
    (8, 4, '2024-05-03'),
    (8, 8, '2024-05-10'),
    (8, 8, '2024-05-10'),
    (8, 4, '2024-05-17'),
    (10, 6, '2024-05-05'),
    (10, 11, NULL);

INSERT INTO sponsor (sponsor_id, company, industry, budget) VALUES
    (1, 'Harbor Coffee', 'Food', 20000),
    (2, 'Brightline Motors', 'Cars', 45000),
    (3, 'Pixel & Sons', 'Electronics', 18000),
    (4, 'Oakhurst Bank', 'Finance', 45000),
    (5, 'Nonna''s Pasta', 'food', 9000),
    (6, 'Verde Gardens', NULL, 7000);

INSERT INTO sponsorship (programme_id, sponsor_id, amount) VALUES
    (1, 1, 6000),
    (1, 2, 9000),
    (1, 4, 7500),
    (2, 3, 4000),
    (4, 1, 3500),
    (4, 5, 2500),
    (5, 3, 3000),
    (6, 4, 2000),
    (7, 5, 1500),
    (8, 1, 3000),
    (8, 2, 8000),
    (9, 4, 5000);
