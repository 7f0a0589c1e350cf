-- A bakery that bakes to order: bakers, products, customers, purchases and their lines. All data invented.

CREATE TABLE baker (
    baker_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    shift TEXT,
    hourly_wage REAL
);

CREATE TABLE product (
    product_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT,
    price REAL,
    weight_g INTEGER,
    baker_id INTEGER,
    FOREIGN KEY (baker_id) REFERENCES baker (baker_id)
);

CREATE TABLE customer (
    customer_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    district TEXT,
    email TEXT
);

CREATE TABLE purchase (
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    order_date TEXT,
    pickup_date TEXT,
    status TEXT,
    FOREIGN KEY (customer_id) REFERENCES customer (customer_id)
);

-- The same product may stand on two lines of one order.
CREATE TABLE "order line" (
    order_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    quantity INTEGER,
    PRIMARY KEY (order_id, line_no),
    FOREIGN KEY (order_id) REFERENCES purchase (order_id),
    FOREIGN KEY (product_id) REFERENCES product (product_id)
);

INSERT INTO baker (baker_id, name, shift, hourly_wage) VALUES
    (1, 'Oliver Kemp', 'early', 17.5),
    (2, 'Chloé Martin', 'early', 19),
    (3, 'Sunil Patel', 'late', 16.25),
    (4, 'Greta Holm', 'night', 21),
    (5, 'Mateus Sousa', 'late', NULL);

INSERT INTO product (product_id, name, category, price, weight_g, baker_id) VALUES
    (1, 'Sourdough Loaf', 'Bread', 4.8, 800, 1),
    (2, 'Rye Loaf', 'Bread', 4.2, 750, 1),
    (3, 'Croissant', 'Pastry', 1.9, 70, 2),
    (4, 'Pain au Chocolat', 'Pastry', 2.2, 85, 2),
    (5, 'Éclair', 'Cake', 2.8, 90, 2),
    (6, 'Carrot Cake', 'Cake', 22, 1200, 4),
    (7, 'Cinnamon Bun', 'Pastry', 2.2, 110, 3),
    (8, 'Baguette', 'Bread', 1.6, 250, 1),
    (9, 'Wedding Tier Cake', 'Cake', 140, NULL, 4),
    (10, 'Cheese Straw', 'Savoury', 1.2, 40, 3),
    (11, 'Pumpkin Seed Roll', 'bread ', 0.9, 65, 4),
    (12, 'Oat Cookie', 'Biscuit', 0.9, 35, NULL),
    (13, 'Plum Tart', 'Pastry', NULL, 150, 2);

INSERT INTO customer (customer_id, name, district, email) VALUES
    (1, 'Café Lumière', 'Old Town', 'orders@lumiere.example'),
    (2, 'Bridget Flynn', 'Harbour', 'b.flynn@mail.example'),
    (3, 'Station Hotel', 'Old Town', 'kitchen@stationhotel.example'),
    (4, 'Jonas Weber', 'Northgate', NULL),
    (5, 'Anjali Rao', 'Harbour', 'anjali@post.example'),
    (6, 'Jonas Weber', 'Harbour', 'jw@post.example'),
    (7, 'Green School', 'Northgate', NULL),
    (8, 'Lena Fischer', 'old town', 'lena@mail.example'),
    (9, 'Marta Nowak', NULL, NULL),
    (10, 'Harbour Rowing Club', 'Harbour', 'rowing@club.example');

INSERT INTO purchase (order_id, customer_id, order_date, pickup_date, status) VALUES
    (1, 1, '2024-03-01', '2024-03-02', 'collected'),
    (2, 2, '2024-03-01', '2024-03-01', 'collected'),
    (3, 3, '2024-03-02', '2024-03-04', 'Collected '),
    (4, 4, '2024-03-03', NULL, 'cancelled'),
    (5, 1, '2024-03-05', '2024-03-06', 'collected'),
    (6, 5, '2024-03-06', '2024-03-09', 'collected'),
    (7, 6, '2024-03-08', '2024-03-08', 'COLLECTED'),
    (8, 7, '2024-03-10', '2024-03-12', 'collected'),
    (9, 3, '2024-03-11', '2024-03-12', 'collected'),
    (10, 2, '2024-03-14', NULL, 'Cancelled'),
    (11, 1, '2024-03-15', '2024-03-16', 'collected'),
    (12, 8, '2024-03-18', '2024-03-18', 'collected'),
    (13, 3, '2024-03-20', '2024-03-21', 'collected'),
    (14, 7, '2024-03-22', '2024-03-25', 'open'),
    (15, 1, '2024-03-25', '2024-03-27', 'open'),
    (16, 8, '2024-03-26', '2024-04-20', 'open');

INSERT INTO "order line" (order_id, line_no, product_id, quantity) VALUES
    (1, 1, 1, 6),
    (1, 2, 3, 30),
    (2, 1, 8, 2),
    (2, 2, 5, 2),
    (3, 1, 3, 40),
    (3, 2, 4, 20),
    (3, 3, 2, 4),
    (4, 1, 6, 1),
    (5, 1, 1, 6),
    (5, 2, 3, 30),
    (6, 1, 9, 1),
    (7, 1, 7, 3),
    (7, 2, 12, 5),
    (8, 1, 12, 60),
    (8, 2, 10, 40),
    (8, 3, 12, 10),
    (9, 1, 3, 40),
    (9, 2, 8, 10),
    (10, 1, 1, 1),
    (11, 1, 1, 8),
    (11, 2, 3, 30),
    (11, 3, 10, 20),
    (12, 1, 5, 4),
    (13, 1, 4, 25),
    (13, 2, 2, 4),
    (14, 1, 11, 80),
    (15, 1, 1, 6),
    (16, 1, 6, 2);
