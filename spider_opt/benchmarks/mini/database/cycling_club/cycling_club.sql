-- A cycling club: members (who mentor one another), their bikes, the rides and who took part. All data invented.

CREATE TABLE member (
    member_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    birth_year INTEGER,
    skill TEXT,
    mentor_id INTEGER,
    "Emergency Contact" TEXT,
    FOREIGN KEY (mentor_id) REFERENCES member (member_id)
);

-- A bike without an owner belongs to the club.
CREATE TABLE bike (
    bike_id INTEGER PRIMARY KEY,
    owner_id INTEGER,
    brand TEXT,
    model TEXT,
    frame TEXT,
    weight_kg REAL,
    price INTEGER,
    FOREIGN KEY (owner_id) REFERENCES member (member_id)
);

CREATE TABLE ride (
    ride_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    ride_date TEXT,
    distance_km REAL,
    climb_m INTEGER,
    leader_id INTEGER,
    FOREIGN KEY (leader_id) REFERENCES member (member_id)
);

-- minutes is NULL for riders who did not finish.
CREATE TABLE participation (
    ride_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    minutes INTEGER,
    PRIMARY KEY (ride_id, member_id),
    FOREIGN KEY (ride_id) REFERENCES ride (ride_id),
    FOREIGN KEY (member_id) REFERENCES member (member_id)
);

INSERT INTO member (member_id, name, birth_year, skill, mentor_id, "Emergency Contact") VALUES
    (1, 'Vera Lindholm', 1969, 'expert', NULL, 'Nils Lindholm'),
    (2, 'Dmitri Sokolov', 1975, 'expert', 1, NULL),
    (3, 'Ana Beltrán', 1988, 'advanced', 1, 'Luis Beltrán'),
    (4, 'Josh Whitaker', 1992, 'advanced', 2, NULL),
    (5, 'Małgorzata Król', 1995, 'intermediate', 3, 'Jan Król'),
    (6, 'Tariq Aziz', 2001, 'beginner', 3, 'Samira Aziz'),
    (7, 'Ellen Moss', 1983, 'intermediate', 2, NULL),
    (8, 'Pieter de Boer', 1975, 'advanced', 1, 'Anke de Boer'),
    (9, 'Suki Mori', 2004, 'beginner', 5, 'Kenji Mori'),
    (10, 'Liam Doyle', 1999, 'Beginner ', 4, NULL),
    (11, 'Carla Nunes', NULL, 'intermediate', 3, ''),
    (12, 'Frank Huber', 1958, 'expert', NULL, 'Rosa Huber');

INSERT INTO bike (bike_id, owner_id, brand, model, frame, weight_kg, price) VALUES
    (1, 1, 'Orbito', 'Vento 3', 'carbon', 7.4, 3200),
    (2, 1, 'Kestrix', 'Trail One', 'aluminium', 12.8, 1100),
    (3, 2, 'Orbito', 'Vento 2', 'carbon', 7.9, 2700),
    (4, 3, 'Halden', 'Gravel S', 'steel', 10.6, 1450),
    (5, 4, 'Kestrix', 'Road Zero', 'aluminium', 9.1, 1250),
    (6, 5, 'Halden', 'City 7', 'steel', 14.2, 600),
    (7, 6, 'Kestrix', 'Road Zero', 'aluminium', 9.1, 1250),
    (8, 7, 'Orbito', 'Lite', 'Carbon', 7.4, NULL),
    (9, 8, 'Halden', 'Gravel S', 'steel', 10.9, 1500),
    (10, 9, 'Pedalux', 'Start', 'aluminium', 11.5, 480),
    (11, 12, 'Halden', 'Tour Classic', 'steel', 13.0, 900),
    (12, NULL, 'Pedalux', 'Loaner', 'aluminium', 12.0, 350);

INSERT INTO ride (ride_id, title, ride_date, distance_km, climb_m, leader_id) VALUES
    (1, 'Spring Warm-up', '2023-03-19', 42, 310, 1),
    (2, 'Coast Loop', '2023-04-16', 68.5, 540, 2),
    (3, 'Three Peaks', '2023-05-07', 96, 2150, 1),
    (4, 'Café Run', '2023-05-21', 25, 90, 3),
    (5, 'Night Spin', '2023-06-10', 31.5, 120, 8),
    (6, 'Forest Gravel', '2023-06-25', 54, 870, 3),
    (7, 'Coast Loop', '2023-08-13', 68.5, 540, 4),
    (8, 'Century Day', '2023-09-03', 160, 1320, 2),
    (9, 'Halloween Ride', '2023-10-29', 25, NULL, 7),
    (10, 'Winter Social', '2023-12-10', 18, 60, NULL);

INSERT INTO participation (ride_id, member_id, minutes) VALUES
    (1, 1, 105),
    (1, 3, 110),
    (1, 5, 128),
    (1, 6, 140),
    (2, 2, 162),
    (2, 3, 165),
    (2, 4, 158),
    (2, 8, 170),
    (3, 1, 290),
    (3, 2, 281),
    (3, 4, NULL),
    (3, 8, 305),
    (4, 3, 75),
    (4, 5, 78),
    (4, 6, 85),
    (4, 9, 88),
    (4, 10, 85),
    (4, 11, 80),
    (5, 4, 82),
    (5, 8, 82),
    (6, 3, 171),
    (6, 5, 190),
    (6, 8, 180),
    (7, 2, 155),
    (7, 4, 150),
    (7, 6, NULL),
    (8, 1, 371),
    (8, 2, 350),
    (9, 7, 70),
    (9, 10, NULL);
