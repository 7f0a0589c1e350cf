CREATE TABLE farm (
    farm_id INTEGER PRIMARY KEY,
    farm_name TEXT NOT NULL,
    village TEXT,
    hectares REAL,
    organic TEXT,
    founded INTEGER
);

CREATE TABLE product (
    product_id INTEGER PRIMARY KEY,
    product_name TEXT NOT NULL,
    category TEXT,
    unit TEXT
);

CREATE TABLE offer (
    farm_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    price REAL,
    PRIMARY KEY (farm_id, product_id),
    FOREIGN KEY (farm_id) REFERENCES farm (farm_id),
    FOREIGN KEY (product_id) REFERENCES product (product_id)
);

CREATE TABLE stall (
    stall_id INTEGER PRIMARY KEY,
    farm_id INTEGER,
    zone TEXT,
    daily_fee TEXT,
    FOREIGN KEY (farm_id) REFERENCES farm (farm_id)
);

CREATE TABLE market_day (
    day_id INTEGER PRIMARY KEY,
    market_date TEXT,
    weather TEXT,
    visitors INTEGER
);

CREATE TABLE sale (
    sale_id INTEGER PRIMARY KEY,
    day_id INTEGER NOT NULL,
    stall_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    amount INTEGER,
    FOREIGN KEY (day_id) REFERENCES market_day (day_id),
    FOREIGN KEY (stall_id) REFERENCES stall (stall_id),
    FOREIGN KEY (product_id) REFERENCES product (product_id)
);

INSERT INTO farm (farm_id, farm_name, village, hectares, organic, founded) VALUES
    (1, 'Windmere Farm', 'Oakley', 42.5, 'yes', 1962),
    (2, 'Three Crows', 'Brantham', 18.0, 'no', 1998),
    (3, 'Hollow Lane Orchard', 'Oakley', 9.5, 'yes', 2006),
    (4, 'Séverine & Filles', 'Port Saint-Lô', 27.0, 'Yes', 1984),
    (5, 'Greenacre', 'Brantham', 63.2, 'no', 1931),
    (6, 'Blue Gate Dairy', 'Sutton Ash', 35.0, 'NO', 1975),
    (7, 'Old Pond Apiary', 'Oakley', 4.0, 'yes', 2015),
    (8, 'Greenacre', 'Sutton Ash', 11.8, NULL, 2011);

INSERT INTO product (product_id, product_name, category, unit) VALUES
    (1, 'Carrots', 'vegetable', 'kg'),
    (2, 'Gala Apples', 'fruit', 'kg'),
    (3, 'Goat Cheese', 'dairy', 'piece'),
    (4, 'Wildflower Honey', 'preserve', 'jar'),
    (5, 'Free Range Eggs', 'egg', 'dozen'),
    (6, 'Leeks', 'vegetable', 'bunch'),
    (7, 'Raw Milk', 'dairy', 'litre'),
    (8, 'Plum Jam', 'preserve', 'jar'),
    (9, 'Pumpkin', 'vegetable', 'piece'),
    (10, 'Crème Fraîche', 'Dairy', 'jar'),
    (11, 'Quince', 'fruit', 'kg');

INSERT INTO offer (farm_id, product_id, price) VALUES
    (1, 1, 2.2),
    (1, 6, 1.8),
    (1, 9, 4.0),
    (2, 1, 1.9),
    (2, 5, 3.6),
    (3, 2, 3.1),
    (3, 6, 2.0),
    (3, 8, 4.5),
    (4, 3, 6.8),
    (4, 8, 5.2),
    (4, 10, 3.9),
    (5, 1, 1.7),
    (5, 2, 2.6),
    (5, 6, 1.5),
    (5, 9, 3.5),
    (6, 3, 5.9),
    (6, 5, 3.9),
    (6, 7, 1.6),
    (7, 4, 7.5),
    (8, 5, NULL);

INSERT INTO stall (stall_id, farm_id, zone, daily_fee) VALUES
    (1, 1, 'North', '25'),
    (2, 2, 'North', '9'),
    (3, 3, 'South', '18.50'),
    (4, 4, 'South', '30'),
    (5, 5, 'East', '100'),
    (6, 5, 'North', '25'),
    (7, 6, 'East', '18.50'),
    (8, 7, 'South', '9'),
    (9, NULL, 'East', '12'),
    (10, 1, 'South', '12.50'),
    (11, 1, 'East', '9');

INSERT INTO market_day (day_id, market_date, weather, visitors) VALUES
    (1, '2024-04-06', 'sunny', 640),
    (2, '2024-04-13', 'rain', 310),
    (3, '2024-04-20', NULL, 455),
    (4, '2024-04-27', 'sunny', 702),
    (5, '2024-05-04', 'cloudy', 455),
    (6, '2024-05-11', 'rain', 288),
    (7, '2024-05-18', 'sunny', NULL);

INSERT INTO sale (sale_id, day_id, stall_id, product_id, amount) VALUES
    (1, 1, 1, 1, 34),
    (2, 1, 1, 6, 20),
    (3, 1, 2, 5, 15),
    (4, 1, 3, 2, 41),
    (5, 1, 4, 3, 12),
    (6, 1, 8, 4, 9),
    (7, 2, 1, 1, 18),
    (8, 2, 2, 1, 22),
    (9, 2, 5, 6, 30),
    (10, 2, 7, 7, 25),
    (11, 3, 3, 8, 14),
    (12, 3, 4, 10, 16),
    (13, 3, 4, 10, 16),
    (14, 3, 6, 2, 27),
    (15, 4, 1, 9, 11),
    (16, 4, 2, 5, 24),
    (17, 4, 3, 2, 52),
    (18, 4, 7, 3, 10),
    (19, 4, 8, 4, 17),
    (20, 5, 4, 3, 19),
    (21, 5, 5, 1, 40),
    (22, 5, 7, 7, 33),
    (23, 6, 5, 9, 7),
    (24, 6, 2, 1, 12),
    (25, 6, 8, 4, 5),
    (26, 7, 4, 8, 21),
    (27, 7, 3, 2, 38),
    (28, 7, 6, 6, NULL);
