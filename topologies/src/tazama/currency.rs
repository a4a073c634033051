//! Currencies and how many decimals their minor unit has (ISO 4217, list one).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Currency([u8; 3]);

const NO_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR_DECIMALS: &str = "CLF UYW";
const TWO_DECIMALS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP \
    BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP \
    GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD \
    MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR \
    SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS \
    VED VES WST XCD XCG YER ZAR ZMW ZWG ZWL";

impl Currency {
    /// The Indonesian rupiah, the one that rule 903 has bands for.
    pub const IDR: Self = Self(*b"IDR");

    /// The currency of this code and the decimals of its minor unit; `None` when ISO 4217 knows no such currency.
    pub fn parse(code: &str) -> Option<(Self, u32)> {
        let lists = [(TWO_DECIMALS, 2), (NO_DECIMALS, 0), (THREE_DECIMALS, 3), (FOUR_DECIMALS, 4)];
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        let (_, decimals) =
            lists.into_iter().find(|(codes, _)| codes.split_ascii_whitespace().any(|known| known == code))?;
        Some((Self(bytes), decimals))
    }

    /// Its three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Currency;

    #[test]
    fn minor_units_have_the_decimals_of_the_standard() {
        let decimals = |code| Currency::parse(code).map(|(_, decimals)| decimals);
        assert_eq!([Some(2), Some(0), Some(3), Some(4)], ["IDR", "JPY", "KWD", "CLF"].map(decimals));
    }

    #[test]
    fn a_code_outside_the_standard_is_no_currency() {
        for code in ["", "idr", "ID", "IDRX", "XXY", "A B"] {
            assert_eq!(None, Currency::parse(code), "{code:?}");
        }
    }
}
