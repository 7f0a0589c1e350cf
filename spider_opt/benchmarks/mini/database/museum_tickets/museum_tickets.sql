CREATE TABLE curator (
    curator_id INTEGER PRIMARY KEY,
    full_name TEXT NOT NULL,
    email TEXT,
    hired_year INTEGER
);

CREATE TABLE exhibition (
    exhibition_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    theme TEXT,
    floor INTEGER,
    start_date TEXT,
    end_date TEXT,
    curator_id INTEGER,
    FOREIGN KEY (curator_id) REFERENCES curator (curator_id)
);

CREATE TABLE "ticket type" (
    type_code TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    price REAL,
    "min age" INTEGER
);

CREATE TABLE ticket_sale (
    sale_id INTEGER PRIMARY KEY,
    type_code TEXT NOT NULL,
    exhibition_id INTEGER NOT NULL,
    "sale date" TEXT,
    channel TEXT,
    quantity INTEGER,
    "buyer city" TEXT,
    FOREIGN KEY (type_code) REFERENCES "ticket type" (type_code),
    FOREIGN KEY (exhibition_id) REFERENCES exhibition (exhibition_id)
);

CREATE TABLE refund (
    refund_id INTEGER PRIMARY KEY,
    sale_id INTEGER NOT NULL,
    amount REAL,
    reason TEXT,
    FOREIGN KEY (sale_id) REFERENCES ticket_sale (sale_id)
);

INSERT INTO curator (curator_id, full_name, email, hired_year) VALUES
    (1, 'Marta Lindqvist', 'm.lindqvist@stadthaus.example', 2009),
    (2, 'Óscar Peñalver', NULL, 2014),
    (3, 'Hana Yıldız', 'hana@stadthaus.example', 2014),
    (4, 'Tobias Krähenbühl', 't.kraehenbuehl@stadthaus.example', 2019),
    (5, 'Grace Adeyemi', NULL, 2021),
    (6, 'Lucien Ferrand', 'lucien@stadthaus.example', 2002);

INSERT INTO exhibition (exhibition_id, title, theme, floor, start_date, end_date, curator_id) VALUES
    (1, 'Clocks of the Old Harbour', 'technology', 1, '2023-01-14', '2023-06-30', 1),
    (2, 'Über den Wolken', 'photography', 2, '2023-02-03', '2023-05-21', 3),
    (3, 'Salt, Silk and Silver', 'trade', 1, '2022-09-10', NULL, 2),
    (4, 'The Paper Menagerie of Ilse Braun', 'craft', 3, '2023-03-18', '2023-09-03', 3),
    (5, 'Night Trains', 'technology', 2, '2023-05-05', '2023-11-12', 1),
    (6, 'Café Society 1925', 'photography', 3, '2023-06-16', '2023-10-01', 4),
    (7, 'Bees', 'nature', 1, '2022-04-22', NULL, 5),
    (8, 'Bones and Feathers', 'nature', 2, '2023-07-07', '2024-01-28', NULL),
    (9, 'Maps That Lied', 'trade', 3, '2023-10-20', '2024-03-31', 1),
    (10, 'Glass Before Glass', 'craft', 1, '2024-02-09', '2024-06-02', 2);

INSERT INTO "ticket type" (type_code, label, price, "min age") VALUES
    ('AD', 'Adult', 14.5, 18),
    ('CH', 'Child', 5.0, 6),
    ('ST', 'Student', 9.0, NULL),
    ('SE', 'Senior', 9.0, 65),
    ('FA', 'Family Pass', 32.0, NULL),
    ('FR', 'Friday Evening', 7.5, NULL),
    ('SC', 'School Group', 3.0, 6);

INSERT INTO ticket_sale (sale_id, type_code, exhibition_id, "sale date", channel, quantity, "buyer city") VALUES
    (1, 'AD', 1, '2023-01-20', 'online', 2, 'Bremen'),
    (2, 'CH', 1, '2023-01-20', 'online', 4, 'Bremen'),
    (3, 'SE', 1, '04/02/2023', 'desk', 2, 'Lübeck'),
    (4, 'AD', 2, '2023-02-11', 'Online', 1, 'Hamburg'),
    (5, 'ST', 2, '2023-02-11', 'Online', 4, NULL),
    (6, 'ST', 2, '2023-02-25', 'desk', 1, 'Bremen'),
    (7, 'FA', 3, '05/03/2023', 'desk', 1, 'Oldenburg'),
    (8, 'AD', 3, '2023-03-08', 'phone', 8, 'Hamburg'),
    (9, 'AD', 4, '2023-03-19', 'online', 2, 'Lübeck'),
    (10, 'CH', 4, '2023-03-19', 'online', 1, 'Lübeck'),
    (11, 'FA', 4, '2023-04-09', 'Desk', 2, 'Bremen'),
    (12, 'FA', 4, '2023-04-09', 'Desk', 2, 'Bremen'),
    (13, 'FR', 5, '2023-05-12', 'ONLINE ', 2, 'Hamburg'),
    (14, 'FR', 5, '12/05/2023', 'desk', 5, NULL),
    (15, 'AD', 5, '2023-06-01', 'online', 1, 'Kiel'),
    (16, 'SE', 5, '2023-06-01', 'phone', 10, 'Kiel'),
    (17, 'ST', 6, '2023-06-24', 'online', 3, 'Hamburg'),
    (18, 'AD', 6, '24/06/2023', 'desk', 2, 'bremen'),
    (19, 'FR', 6, '2023-07-14', 'ONLINE ', 5, 'Hamburg'),
    (20, 'CH', 7, '2023-07-20', 'desk', 12, 'Oldenburg'),
    (21, 'FA', 7, '2023-07-22', 'Desk ', 3, 'Bremen'),
    (22, 'ST', 7, '2023-08-02', 'desk', 2, NULL),
    (23, 'CH', 8, '2023-08-05', 'online', 2, 'Hamburg'),
    (24, 'AD', 8, '2023-08-05', 'online', 2, 'Hamburg'),
    (25, 'FA', 8, '19/08/2023', 'desk', 1, 'Kiel'),
    (26, 'SE', 9, '2023-10-27', 'phone', 4, 'Lübeck'),
    (27, 'AD', 9, '2023-11-04', 'online', 3, 'Bremen'),
    (28, 'FR', 9, '2024-01-12', 'phone', 2, 'Bremen '),
    (29, 'AD', 3, '2024-01-13', 'online', 2, 'Hamburg');
