"""Invented names, in Latin and Khmer script; none of them is a village of Cambodia.

First and second words are joined ("Boeng Phkay", the pond of stars). The shared test
data check that no joined name is in the national list of villages.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "CITY",
    "DISTRICTS",
    "FACTORY_NAMES",
    "PROVINCES",
    "RIVER_NAME",
    "SYNTHETIC_NOTE",
    "TOWNS",
    "Name",
    "build_village_names",
    "to_khmer_digits",
]

SYNTHETIC_NOTE = "SYNTHETIC: invented for tests and demonstrations; no such place, firm or person"


class Name(NamedTuple):
    """One name in both scripts."""

    latin: str
    khmer: str


FIRST_WORDS = (
    Name("Trapeang", "ត្រពាំង"),
    Name("Boeng", "បឹង"),
    Name("Kouk", "គោក"),
    Name("Prey", "ព្រៃ"),
    Name("Tuol", "ទួល"),
    Name("Svay", "ស្វាយ"),
    Name("Chamkar", "ចំការ"),
    Name("Chrey", "ជ្រៃ"),
    Name("Veal", "វាល"),
    Name("Thnal", "ថ្នល់"),
)
SECOND_WORDS = (
    Name("Phkay", "ផ្កាយ"),
    Name("Mekh", "មេឃ"),
    Name("Sot", "សូត្រ"),
    Name("Ambah", "អំបោះ"),
    Name("Inthanou", "ឥន្ទធនូ"),
    Name("Melea", "មាលា"),
    Name("Reatrei", "រាត្រី"),
    Name("Arun", "អរុណ"),
    Name("Rasmei", "រស្មី"),
    Name("Khyal", "ខ្យល់"),
    Name("Phleng", "ភ្លេង"),
    Name("Hang", "ហង្ស"),
)
CITY = Name("Krong Phkay", "ក្រុងផ្កាយ")
TOWNS = (Name("Phsar Inthanou", "ផ្សារឥន្ទធនូ"), Name("Phsar Melea", "ផ្សារមាលា"))
RIVER_NAME = Name("Stueng Inthanou", "ស្ទឹងឥន្ទធនូ")
# West of the city, around it, and east of the river.
PROVINCES = (
    Name("Stueng Reatrei", "ស្ទឹងរាត្រី"),
    Name("Kampong Phkay", "កំពង់ផ្កាយ"),
    Name("Phnum Arun", "ភ្នំអរុណ"),
)
# Three to a province, from south to north.
DISTRICTS = (
    (
        Name("Prek Khyal", "ព្រែកខ្យល់"),
        Name("Prek Phleng", "ព្រែកភ្លេង"),
        Name("Prek Hang", "ព្រែកហង្ស"),
    ),
    (
        Name("Stueng Sot", "ស្ទឹងសូត្រ"),
        Name("Stueng Phkay", "ស្ទឹងផ្កាយ"),
        Name("Stueng Ambah", "ស្ទឹងអំបោះ"),
    ),
    (
        Name("Phnum Mekh", "ភ្នំមេឃ"),
        Name("Phnum Rasmei", "ភ្នំរស្មី"),
        Name("Phnum Melea", "ភ្នំមាលា"),
    ),
)
# "Sample" is part of each name, so that no firm can be meant.
FACTORY_NAMES = (
    "Phkay Sample Garments",
    "Mekh Sample Knitwear",
    "Sot Sample Silk Wear",
    "Ambah Sample Garments",
    "Inthanou Sample Sportswear",
    "Melea Sample Footwear",
    "Reatrei Sample Garments",
    "Arun Sample Bags",
    "Rasmei Sample Garments",
    "Khyal Sample Footwear",
    "Phleng Sample Knitwear",
    "Hang Sample Garments",
)
KHMER_DIGITS = str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩")


def to_khmer_digits(number: int) -> str:
    """Write a number with Khmer digits."""
    return str(number).translate(KHMER_DIGITS)


def build_village_names() -> list[Name]:
    """Join every first word with every second one, in a fixed, well-mixed order."""
    n_second = len(SECOND_WORDS)
    names = []
    for turn in range(n_second):
        for position, first in enumerate(FIRST_WORDS):
            second = SECOND_WORDS[(turn + position) % n_second]
            names.append(Name(f"{first.latin} {second.latin}", first.khmer + second.khmer))
    return names
