CREATE TABLE club (
    club_id INTEGER PRIMARY KEY,
    club_name TEXT NOT NULL,
    city TEXT,
    founded INTEGER
);

CREATE TABLE player (
    player_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    club_id INTEGER,
    coach_id INTEGER,
    rating INTEGER,
    title TEXT,
    birth_year INTEGER,
    FOREIGN KEY (club_id) REFERENCES club (club_id),
    FOREIGN KEY (coach_id) REFERENCES player (player_id)
);

CREATE TABLE opening (
    code TEXT PRIMARY KEY,
    opening_name TEXT NOT NULL,
    family TEXT
);

CREATE TABLE game (
    game_id INTEGER PRIMARY KEY,
    round INTEGER,
    white_id INTEGER NOT NULL,
    black_id INTEGER NOT NULL,
    opening_code TEXT,
    result TEXT,
    moves INTEGER,
    FOREIGN KEY (white_id) REFERENCES player (player_id),
    FOREIGN KEY (black_id) REFERENCES player (player_id),
    FOREIGN KEY (opening_code) REFERENCES opening (code)
);

CREATE TABLE prize (
    prize_id INTEGER PRIMARY KEY,
    player_id INTEGER NOT NULL,
    prize_name TEXT,
    amount INTEGER,
    season TEXT,
    FOREIGN KEY (player_id) REFERENCES player (player_id)
);

INSERT INTO club (club_id, club_name, city, founded) VALUES
    (1, 'Rook & Pawn', 'Zagreb', 1948),
    (2, 'Caïssa', 'Lyon', 1926),
    (3, 'Northern Knights', 'Leeds', 1987),
    (4, 'Zugzwang', 'Graz', 2003),
    (5, 'Open File', 'Leeds', 2010);

INSERT INTO player (player_id, name, club_id, coach_id, rating, title, birth_year) VALUES
    (1, 'Zora Matić', 1, NULL, 2475, 'IM', 1979),
    (2, 'Étienne Garnier', 2, NULL, 2510, 'GM', 1972),
    (3, 'Harold Pickles', 3, NULL, 2290, 'FM', 1965),
    (4, 'Lidija Kos', 1, 1, 2310, NULL, 1996),
    (5, 'Mateo Varga', 1, 1, 2180, NULL, 2001),
    (6, 'Chloé Perrin', 2, 2, 2405, 'IM', 1994),
    (7, 'Bastien Roy', 2, 2, 2260, 'FM', 1999),
    (8, 'Priya Nair', 3, 3, 2290, NULL, 2000),
    (9, 'Tom Birtwhistle', 3, 8, 1985, NULL, 2007),
    (10, 'Greta Aigner', 4, 2, 2375, 'FM', 1991),
    (11, 'Florian Moser', 4, 10, 2120, NULL, 2004),
    (12, 'Anja Pichler', 4, 10, 2050, NULL, NULL),
    (13, 'Sam Oduya', 5, 3, 2205, 'CM', 1998),
    (14, 'Ruth Calloway', NULL, NULL, 2150, NULL, 1958),
    (15, 'Ivo Matić', 1, 5, NULL, NULL, 2010);

INSERT INTO opening (code, opening_name, family) VALUES
    ('A10', 'English Opening', 'flank'),
    ('B01', 'Scandinavian Defence', 'semi-open'),
    ('B90', 'Najdorf Sicilian', 'semi-open'),
    ('C02', 'French Advance', 'semi-open'),
    ('C65', 'Berlin Defence', 'open'),
    ('D37', 'Queen''s Gambit Declined', 'closed'),
    ('E60', 'King''s Indian', 'closed');

INSERT INTO game (game_id, round, white_id, black_id, opening_code, result, moves) VALUES
    (1, 1, 1, 2, 'C65', '1/2-1/2', 44),
    (2, 1, 4, 6, 'B90', '0-1', 38),
    (3, 1, 5, 7, 'D37', '1-0', 52),
    (4, 1, 3, 10, 'E60', '1/2-1/2', 31),
    (5, 1, 8, 11, 'C02', '1-0', 29),
    (6, 1, 9, 12, 'B90', '1-0', 41),
    (7, 2, 2, 3, 'D37', '1-0', 36),
    (8, 2, 6, 8, 'C65', '1-0', 57),
    (9, 2, 7, 9, 'A10', '1-0', 24),
    (10, 2, 10, 1, 'E60', '0-1', 63),
    (11, 2, 11, 4, 'B90', '0-1', 47),
    (12, 2, 12, 5, 'C02', '1/2-1/2', 71),
    (13, 2, 13, 14, 'D37', '1-0', 33),
    (14, 3, 1, 3, 'C65', '1-0', 40),
    (15, 3, 4, 8, 'B90', '1/2-1/2', 58),
    (16, 3, 10, 2, 'D37', '0-1', 49),
    (17, 3, 6, 13, 'A10', '1-0', 35),
    (18, 3, 14, 7, NULL, '0-1', 12),
    (19, 4, 2, 4, 'C65', '1-0', 30),
    (20, 4, 13, 1, 'B90', '0-1', 45),
    (21, 4, 3, 6, 'E60', '1/2-1/2', 66),
    (22, 4, 8, 10, 'D37', '1-0', 88),
    (23, 4, 5, 9, 'B90', '1-0', 27),
    (24, 4, 11, 12, 'C02', NULL, NULL);

INSERT INTO prize (prize_id, player_id, prize_name, amount, season) VALUES
    (1, 2, 'Board One Prize', 500, '2022/23'),
    (2, 1, 'Board One Prize', 500, '2023/24'),
    (3, 8, 'Most Improved', 150, '2022/23'),
    (4, 9, 'Best Junior', 100, '2023/24'),
    (5, 5, 'Best Junior', 100, '2022/23'),
    (6, 2, 'Brilliancy Prize', 250, '2023/24'),
    (7, 2, 'Brilliancy Prize', 250, '2022/23'),
    (8, 10, 'Most Improved', NULL, '2023/24');
