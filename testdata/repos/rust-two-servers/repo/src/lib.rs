pub fn shelf() -> u32 { 4 }
