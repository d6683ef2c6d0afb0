//! A few invented people and agencies. No such person exists; codes follow the real formats.

/// A person who exists in tests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Full name, family name first.
    pub name: &'static str,
    /// Twelve-digit personal identification number.
    pub number: &'static str,
    /// ISO 8601 date of birth.
    pub born: &'static str,
    /// Province of residence.
    pub province: &'static str,
}

/// An agency that exists in tests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agency {
    /// Name in Vietnamese.
    pub name: &'static str,
    /// Identification code of the agency on the national document axis.
    pub code: &'static str,
    /// Tax code, which the exchange uses as member code.
    pub member_code: &'static str,
}

/// Three people of different ages and places.
pub const PEOPLE: &[Person] = &[
    Person { name: "Nguyễn Thị Thử Nghiệm", number: "001190000001", born: "1990-02-28", province: "Hà Nội" },
    Person { name: "Đặng Văn Mẫu", number: "048065000002", born: "1965-12-31", province: "Đà Nẵng" },
    Person { name: "H'Hen Ê Ban Ví Dụ", number: "066304000003", born: "2004-02-29", province: "Đắk Lắk" },
];

/// A ministry, a province and a commune.
pub const AGENCIES: &[Agency] = &[
    Agency { name: "Bộ Thử nghiệm", code: "G99", member_code: "0990000001" },
    Agency { name: "Ủy ban nhân dân tỉnh Mẫu", code: "H99", member_code: "0990000002" },
    Agency { name: "Ủy ban nhân dân xã Ví Dụ", code: "H99.01", member_code: "0990000003" },
];
