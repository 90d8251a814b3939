"""Find or make the CPython interpreter that a request such as ``3.14`` or ``3.13t`` names."""
