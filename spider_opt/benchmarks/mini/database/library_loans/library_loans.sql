-- A town library: books, their authors (many-to-many), members and what they borrowed. All data invented.

CREATE TABLE author (
    author_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    birth_year INTEGER,
    country TEXT
);

CREATE TABLE book (
    book_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    genre TEXT,
    published_year INTEGER,
    pages INTEGER,
    language TEXT
);

CREATE TABLE book_author (
    book_id INTEGER NOT NULL,
    author_id INTEGER NOT NULL,
    PRIMARY KEY (book_id, author_id),
    FOREIGN KEY (book_id) REFERENCES book (book_id),
    FOREIGN KEY (author_id) REFERENCES author (author_id)
);

CREATE TABLE member (
    member_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    "Card Number" TEXT,
    town TEXT,
    joined_on TEXT,
    "Fines Due" REAL
);

CREATE TABLE loan (
    loan_id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    loan_date TEXT,
    due_date TEXT,
    return_date TEXT,
    FOREIGN KEY (book_id) REFERENCES book (book_id),
    FOREIGN KEY (member_id) REFERENCES member (member_id)
);

CREATE TABLE reservation (
    reservation_id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    reserved_on TEXT,
    FOREIGN KEY (book_id) REFERENCES book (book_id),
    FOREIGN KEY (member_id) REFERENCES member (member_id)
);

INSERT INTO author (author_id, name, birth_year, country) VALUES
    (1, 'Ingrid Solheim', 1948, 'Norway'),
    (2, 'Tomás Peñaranda', 1961, 'Colombia'),
    (3, 'Zoë Hartley', 1975, 'United Kingdom'),
    (4, 'Kwame Asante', NULL, 'Ghana'),
    (5, 'Łucja Wiśniewska', 1982, 'Poland'),
    (6, 'Hiroshi Tanabe', 1955, 'Japan'),
    (7, 'Maren Solheim', 1979, 'Norway'),
    (8, 'Elif Çelik', 1990, 'Turkey'),
    (9, 'Daniel O''Rourke', NULL, 'Ireland'),
    (10, 'Priya Raman', 1968, 'India'),
    (11, 'Sofia Lindqvist', 1993, 'Sweden');

INSERT INTO book (book_id, title, genre, published_year, pages, language) VALUES
    (1, 'The Salt Road', 'Mystery', 1994, 312, 'English'),
    (2, 'Winter Harbour', 'Novel', 1987, 268, 'Norwegian'),
    (3, 'Counting Herons in Accra', 'Poetry', 2004, 96, 'English'),
    (4, 'A Field Guide to Fog', 'Science', 2011, 224, 'English'),
    (5, 'Glass Orchard', ' mystery', 2009, 340, 'Polish'),
    (6, 'The Paper Bridge', 'Novel', 1999, 401, 'Spanish'),
    (7, 'Tides and Engines', 'Science', 2016, 198, 'English'),
    (8, 'Winter Harbour', 'Novel', 2015, 275, 'English'),
    (9, 'Night Ferry', 'MYSTERY', 2002, NULL, 'Turkish'),
    (10, 'The Quiet Kitchen', 'Cooking', 2018, 180, 'Japanese'),
    (11, 'Small Gods of Rain', 'Poetry', 1978, 88, 'Spanish'),
    (12, 'Ledger of Stars', 'Science', 1983, 356, 'Japanese'),
    (13, 'Unwritten', NULL, 2020, 150, 'English'),
    (14, 'The Long Allotment', 'Novel', 2012, 401, 'English');

INSERT INTO book_author (book_id, author_id) VALUES
    (1, 9),
    (2, 1),
    (3, 4),
    (4, 3),
    (4, 10),
    (5, 5),
    (6, 2),
    (7, 3),
    (7, 9),
    (8, 1),
    (8, 7),
    (9, 8),
    (10, 6),
    (11, 2),
    (12, 6),
    (14, 3);

INSERT INTO member (member_id, name, "Card Number", town, joined_on, "Fines Due") VALUES
    (1, 'Amelia Brook', 'C-1001', 'Ashford', '2016-02-11', 0),
    (2, 'Rafael Ortiz', 'C-1002', 'Millbrook', '2018-09-30', 4.5),
    (3, 'Noor Haddad', 'C-1003', 'Ashford', '2019-01-05', NULL),
    (4, 'Gwen Price', 'C-1004', 'Stonebury', '2015-07-19', 12.25),
    (5, 'Tomasz Zając', 'C-1005', 'Millbrook', '2020-11-23', 0),
    (6, 'Lily Chen', 'C-1006', 'ashford ', '2021-03-14', 1.5),
    (7, 'Oscar Brandt', 'C-1007', 'Stonebury', '2016-12-01', 7.75),
    (8, 'Lily Chen', 'C-1008', 'Millbrook', '2022-05-02', 3),
    (9, 'Yusuf Demir', 'C-1009', NULL, '2017-08-08', 4.5),
    (10, 'Hannah Vogel', 'C-1010', 'Ashford', '2023-01-17', 0);

INSERT INTO loan (loan_id, book_id, member_id, loan_date, due_date, return_date) VALUES
    (1, 1, 1, '2023-01-09', '2023-01-30', '2023-01-25'),
    (2, 4, 2, '2023-01-12', '2023-02-02', '2023-02-10'),
    (3, 2, 3, '2023-01-20', '2023-02-10', '2023-02-08'),
    (4, 1, 4, '2023-02-01', '2023-02-22', '2023-03-15'),
    (5, 9, 1, '2023-02-14', '2023-03-07', '2023-03-01'),
    (6, 6, 7, '2023-02-20', '2023-03-13', NULL),
    (7, 10, 5, '2023-03-02', '2023-03-23', '2023-03-20'),
    (8, 14, 4, '2023-03-05', '2023-03-26', '2023-04-02'),
    (9, 4, 1, '2023-03-11', '2023-04-01', '2023-03-30'),
    (10, 5, 6, '2023-03-18', '2023-04-08', '2023-04-08'),
    (11, 7, 2, '2023-04-03', '2023-04-24', '2023-04-20'),
    (12, 1, 8, '2023-04-10', '2023-05-01', NULL),
    (13, 3, 3, '2023-04-15', '2023-05-06', '2023-04-29'),
    (14, 12, 7, '2023-04-22', '2023-05-13', '2023-06-01'),
    (15, 4, 7, '2023-05-06', '2023-05-27', '2023-05-29'),
    (16, 8, 1, '2023-05-15', '2023-06-05', '2023-06-05'),
    (17, 14, 9, '2023-05-28', '2023-06-18', NULL),
    (18, 11, 4, '2023-06-02', '2023-06-23', '2023-06-21'),
    (19, 2, 4, '2023-06-12', '2023-07-03', '2023-07-11'),
    (20, 1, 2, '2023-06-20', '2023-07-11', '2023-07-01'),
    (21, 5, 5, '2023-07-04', '2023-07-25', '2023-07-19'),
    (22, 4, 6, '2023-07-11', '2023-08-01', NULL),
    (23, 6, 1, '2023-07-20', '2023-08-10', '2023-08-04'),
    (24, 10, 6, '2023-08-01', '2023-08-22', NULL);

-- reservation stays empty: the library takes reservations, nobody has made one yet.
