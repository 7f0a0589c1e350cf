CREATE TABLE hotel (
    hotel_id INTEGER PRIMARY KEY,
    hotel_name TEXT NOT NULL,
    town TEXT,
    stars INTEGER,
    "year opened" INTEGER
);

CREATE TABLE room (
    room_id INTEGER PRIMARY KEY,
    hotel_id INTEGER NOT NULL,
    room_number TEXT,
    kind TEXT,
    beds INTEGER,
    rate INTEGER,
    sea_view INTEGER,
    FOREIGN KEY (hotel_id) REFERENCES hotel (hotel_id)
);

CREATE TABLE guest (
    guest_id INTEGER PRIMARY KEY,
    first_name TEXT,
    last_name TEXT,
    country TEXT,
    email TEXT
);

CREATE TABLE booking (
    booking_id INTEGER PRIMARY KEY,
    room_id INTEGER NOT NULL,
    guest_id INTEGER NOT NULL,
    arrival TEXT,
    nights INTEGER,
    status TEXT,
    FOREIGN KEY (room_id) REFERENCES room (room_id),
    FOREIGN KEY (guest_id) REFERENCES guest (guest_id)
);

CREATE TABLE housekeeping (
    room_id INTEGER NOT NULL,
    cleaned_on TEXT,
    cleaner TEXT,
    FOREIGN KEY (room_id) REFERENCES room (room_id)
);

INSERT INTO hotel (hotel_id, hotel_name, town, stars, "year opened") VALUES
    (1, 'Seaview Lodge', 'Port Ellery', 3, 1987),
    (2, 'The Grand Tivoli', 'Port Ellery', 5, 1911),
    (3, 'Pension Müller', 'Altbach', 2, 1964),
    (4, 'Casa do Açude', 'Vila Seca', 4, 2008),
    (5, 'Mill House', 'Altbach', NULL, 1999),
    (6, 'Harbour Rest', 'port ellery', 3, 2016);

INSERT INTO room (room_id, hotel_id, room_number, kind, beds, rate, sea_view) VALUES
    (1, 1, '101', 'single', 1, 62, 0),
    (2, 1, '102', 'double', 2, 88, 1),
    (3, 1, '201', 'double', 2, 94, 1),
    (4, 1, '202', 'family', 5, 130, 1),
    (5, 2, '11', 'double', 2, 210, 1),
    (6, 2, '12', 'suite', 2, 390, 1),
    (7, 2, '14', 'single', 1, 165, 0),
    (8, 2, '15', 'suite', 3, 420, 0),
    (9, 3, '1', 'single', 1, 41, 0),
    (10, 3, '2', 'double', 2, 58, 0),
    (11, 3, '3', 'double', 2, 58, 0),
    (12, 4, 'A1', 'double', 2, 120, 0),
    (13, 4, 'A2', 'family', 5, 175, 0),
    (14, 4, 'B1', 'suite', 2, 240, 0),
    (15, 5, 'Attic', 'double', 2, 77, 0),
    (16, 5, 'Mill', 'family', 4, NULL, 0),
    (17, 6, '1', 'single', 1, 55, 1),
    (18, 6, '2', 'double', 2, 79, 1),
    (19, 6, '3', 'dorm', 8, 28, 0);

INSERT INTO guest (guest_id, first_name, last_name, country, email) VALUES
    (1, 'Ana', 'Ribeiro', 'Portugal', 'ana.ribeiro@mail.example'),
    (2, 'Piotr', 'Zieliński', 'Poland', NULL),
    (3, 'Ben', 'Carter', 'Ireland', 'bcarter@post.example'),
    (4, 'Léa', 'Fontaine', 'France', 'lea@post.example'),
    (5, 'Yusuf', 'Demir', 'Turkey', NULL),
    (6, 'Ben', 'Carter', 'Canada', 'ben.carter@mail.example'),
    (7, 'Signe', 'Ødegård', 'Norway', 'signe@mail.example'),
    (8, 'Tomás', 'Ribeiro', 'Portugal', NULL),
    (9, 'Mei', 'Lin', 'Singapore', 'mei.lin@mail.example'),
    (10, 'Clara', 'Hofer', 'Austria', 'clara@post.example'),
    (11, 'Ana', 'Kovač', 'Croatia', NULL);

INSERT INTO booking (booking_id, room_id, guest_id, arrival, nights, status) VALUES
    (1, 2, 1, '2024-05-02', 3, 'confirmed'),
    (2, 2, 3, '2024-05-10', 2, 'confirmed'),
    (3, 6, 4, '2024-05-11', 4, 'confirmed'),
    (4, 9, 2, '2024-05-17', 7, 'cancelled'),
    (5, 10, 2, '2024-05-18', 7, 'confirmed'),
    (6, 13, 8, '2024-06-01', 10, 'confirmed'),
    (7, 4, 1, '2024-06-07', 5, 'Confirmed'),
    (8, 5, 9, '2024-06-08', 2, 'confirmed'),
    (9, 8, 9, '2024-06-15', 1, 'cancelled'),
    (10, 15, 5, '2024-06-20', 3, ' confirmed'),
    (11, 17, 6, '2024-06-21', 12, 'confirmed'),
    (12, 12, 7, '2024-07-03', 4, 'confirmed'),
    (13, 14, 4, '2024-07-09', 3, 'confirmed'),
    (14, 18, 3, '2024-07-12', 2, 'cancelled'),
    (15, 18, 3, '2024-07-12', 2, 'confirmed'),
    (16, 6, 1, '2024-07-20', 2, 'confirmed'),
    (17, 11, 5, '2024-08-01', 14, 'confirmed'),
    (18, 19, 2, '2024-08-04', 4, NULL),
    (19, 3, 7, '2024-08-10', 5, 'confirmed'),
    (20, 1, 6, '2024-08-15', 1, 'cancelled'),
    (21, 7, 8, '2024-08-19', 2, 'confirmed'),
    (22, 13, 9, '2024-12-24', 7, 'confirmed'),
    (23, 12, 11, '2024-09-02', 2, 'confirmed');

INSERT INTO housekeeping (room_id, cleaned_on, cleaner) VALUES
    (2, '2024-05-05', 'Rosa'),
    (2, '2024-05-05', 'Rosa'),
    (6, '2024-05-15', 'Iván'),
    (10, '2024-05-25', 'Rosa'),
    (5, '2024-06-10', 'Marek'),
    (13, '2024-06-11', 'Iván'),
    (4, '2024-06-12', 'rosa'),
    (15, '2024-06-23', NULL),
    (17, '2024-06-27', 'Marek'),
    (12, '2024-07-07', 'Iván'),
    (14, '2024-07-12', 'Iván'),
    (18, '2024-07-14', 'Marek'),
    (6, '2024-07-22', 'Iván'),
    (13, '2025-01-02', NULL);
