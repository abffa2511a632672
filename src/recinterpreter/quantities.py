"""Large numbers, times and bytes as a person reads them."""

from __future__ import annotations


def count(number: float) -> str:
    """Write a number with three digits and, where it is large, k, M, G, T, P or E behind them.

    >>> count(3.754e12), count(950), count(12_732)
    ('3.75 T', '950 ', '12.7 k')
    """
    power = 0
    while abs(number) >= 999.5 and power < 6:
        number, power = number / 1000, power + 1
    return f"{number:.3g} {' kMGTPE'[power].strip()}"


def duration(seconds: float) -> str:
    """Write seconds as minutes and seconds, hours and minutes, or days and hours.

    >>> duration(190), duration(7500), duration(300_000)
    ('3:10 min', '2:05 h', '3 d 11 h')
    """
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    if whole < 48 * 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(n_bytes: float) -> str:
    """Write bytes in MB or GB, of 1000 each.

    >>> size(123_456_789), size(14.2e9)
    ('123 MB', '14.2 GB')
    """
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes < 999.5e6 else f"{n_bytes / 1e9:.1f} GB"
