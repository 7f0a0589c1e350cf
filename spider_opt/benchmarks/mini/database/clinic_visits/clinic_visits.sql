-- A small clinic: doctors, patients, their visits and what was prescribed. All data invented.

CREATE TABLE doctor (
    doctor_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    specialty TEXT,
    "Room No" INTEGER,
    hired_year INTEGER
);

-- birth_date comes in two formats (YYYY-MM-DD and DD/MM/YYYY); weight_kg holds numbers as text.
CREATE TABLE patient (
    patient_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    gender TEXT,
    birth_date TEXT,
    city TEXT,
    phone TEXT,
    weight_kg TEXT
);

CREATE TABLE medicine (
    medicine_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    maker TEXT,
    price REAL
);

CREATE TABLE visit (
    visit_id INTEGER PRIMARY KEY,
    patient_id INTEGER NOT NULL,
    doctor_id INTEGER NOT NULL,
    visit_date TEXT,
    reason TEXT,
    fee REAL,
    FOREIGN KEY (patient_id) REFERENCES patient (patient_id),
    FOREIGN KEY (doctor_id) REFERENCES doctor (doctor_id)
);

CREATE TABLE prescription (
    prescription_id INTEGER PRIMARY KEY,
    visit_id INTEGER NOT NULL,
    medicine_id INTEGER NOT NULL,
    dose_mg INTEGER,
    days INTEGER,
    FOREIGN KEY (visit_id) REFERENCES visit (visit_id),
    FOREIGN KEY (medicine_id) REFERENCES medicine (medicine_id)
);

INSERT INTO doctor (doctor_id, name, specialty, "Room No", hired_year) VALUES
    (1, 'Dr. Helena Voss', 'Cardiology', 12, 2008),
    (2, 'Dr. Samuel Okoye', 'Pediatrics', 7, 2015),
    (3, 'Dr. Mei-Ling Zhao', 'Dermatology', 9, 2019),
    (4, 'Dr. André Fournier', 'General Practice', 3, 2003),
    (5, 'Dr. Ruth Kaplan', 'General Practice', 4, 2011),
    (6, 'Dr. Ivo Marić', 'Cardiology', 14, 2020),
    (7, 'Dr. Bea Norling', 'Radiology', NULL, 2021);

INSERT INTO patient (patient_id, first_name, last_name, gender, birth_date, city, phone, weight_kg) VALUES
    (1, 'Clara', 'Jensen', 'F', '1984-03-12', 'Riverton', '555-0101', '64.5'),
    (2, 'Peter', 'Abbott', 'M', '23/07/1957', 'Riverton', NULL, '102'),
    (3, 'Aisha', 'Bello', 'F', '2015-11-02', 'Lakeside', '555-0103', '21'),
    (4, 'Marco', 'Ricci', 'M', '1972-01-30', 'Hillcrest', '555-0104', '88'),
    (5, 'Søren', 'Dahl', 'm', '1939-05-17', 'Lakeside', NULL, '79.5'),
    (6, 'Emily', 'Watts', 'F ', '04/12/1999', 'Riverton', '555-0106', '58'),
    (7, 'George', 'Stone', 'M', '1995-08-09', 'Riverton', '555-0107', '110.5'),
    (8, 'Fatima', 'Noor', 'f', '2022-06-25', 'Hillcrest', '555-0108', '9.5'),
    (9, 'Paul', 'Lindgren', 'M', '11/09/1966', 'Lakeside', NULL, '95'),
    (10, 'Nina', 'Castro', 'F', '1988-12-19', 'riverton', '555-0110', '71'),
    (11, 'Owen', 'Bell', ' M', '2001-04-03', 'Hillcrest', '555-0111', NULL),
    (12, 'Clara', 'Jensen', 'F', '30/06/1950', NULL, '555-0112', '66');

INSERT INTO medicine (medicine_id, name, maker, price) VALUES
    (1, 'Cardiolex', 'Nordpharm', 24.5),
    (2, 'Febrinol', 'Helix Labs', 6.2),
    (3, 'Dermasol', 'Helix Labs', 11.9),
    (4, 'Calmidine', 'Nordpharm', 18),
    (5, 'Ossivit', 'Vita Verde', 9.75),
    (6, 'Painaway', 'Helix Labs', 6.2),
    (7, 'Pulmoran', 'Vita Verde', NULL),
    (8, 'Zincora', 'Vita Verde', 4.4);

INSERT INTO visit (visit_id, patient_id, doctor_id, visit_date, reason, fee) VALUES
    (1, 1, 1, '2024-01-08', 'Chest pain', 120),
    (2, 2, 4, '2024-01-10', 'Check-up', 45),
    (3, 3, 2, '2024-01-15', 'Fever', 60),
    (4, 4, 5, '2024-01-22', 'Back pain', 45),
    (5, 5, 1, '2024-02-02', 'Palpitations', 150),
    (6, 6, 3, '2024-02-05', 'Rash', 80),
    (7, 2, 1, '2024-02-12', 'High blood pressure', 120),
    (8, 8, 2, '2024-02-19', 'Vaccination', NULL),
    (9, 7, 4, '2024-03-01', 'Check-up', 45),
    (10, 9, 6, '2024-03-04', 'Chest pain', 135),
    (11, 10, 5, '2024-03-11', 'Headache', 50),
    (12, 3, 2, '2024-03-18', 'fever ', 60),
    (13, 1, 4, '2024-03-25', 'Flu', 45),
    (14, 5, 6, '2024-04-02', 'Palpitations', 135),
    (15, 2, 4, '2024-04-09', 'Check-up', 45),
    (16, 6, 3, '2024-04-15', 'Acne', 80),
    (17, 11, 5, '2024-04-22', 'Sprained ankle', 70),
    (18, 4, 5, '2024-05-06', 'check-up', 45),
    (19, 1, 1, '2024-05-13', 'Chest pain', 120),
    (20, 8, 2, '2024-05-20', 'Vaccination', 30);

INSERT INTO prescription (prescription_id, visit_id, medicine_id, dose_mg, days) VALUES
    (1, 1, 1, 20, 30),
    (2, 1, 4, 5, 10),
    (3, 3, 2, 250, 5),
    (4, 4, 6, 400, 7),
    (5, 5, 1, 40, 60),
    (6, 6, 3, 100, 14),
    (7, 7, 1, 20, 90),
    (8, 10, 1, 20, 30),
    (9, 11, 6, 200, 3),
    (10, 12, 2, 250, 5),
    (11, 13, 2, 500, 4),
    (12, 13, 6, 400, 4),
    (13, 14, 4, 5, NULL),
    (14, 16, 3, 100, 21),
    (15, 17, 6, 400, 10),
    (16, 17, 5, 1000, 30),
    (17, 19, 1, 40, 30);
