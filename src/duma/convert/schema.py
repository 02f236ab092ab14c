"""What the `converter` section of a configuration may hold."""

from duma.configuration import Array, Int64, MapOf, Object, String
from duma.configuration_form import Member

# Types: a name, and the method with its parameters, all of them texts.
_TYPES = MapOf(MapOf(String()))
_EXCEPT = {"except": String()}
_FILTER_RULES = Array(
    Object(mandatory={"key": String(), "type": String(), "suffix": String()}, optional=_EXCEPT)
)
_VALUE_RULES = Array(Object(mandatory={"key": String(), "type": String()}, optional=_EXCEPT))

CONVERTER = Object(
    optional={
        "string_filter_types": _TYPES,
        "string_filter_rules": _FILTER_RULES,
        "num_filter_types": _TYPES,
        "num_filter_rules": _FILTER_RULES,
        "string_types": _TYPES,
        "string_rules": Array(
            Object(
                mandatory={
                    "key": String(),
                    "type": String(),
                    "sample_weight": String(),
                    "global_weight": String(),
                },
                optional=_EXCEPT,
            )
        ),
        "num_types": _TYPES,
        "num_rules": _VALUE_RULES,
        "binary_types": _TYPES,
        "binary_rules": _VALUE_RULES,
        "combination_types": _TYPES,
        "combination_rules": Array(
            Object(
                mandatory={"key_left": String(), "key_right": String(), "type": String()},
                optional={"except_left": String(), "except_right": String()},
            )
        ),
        "hash_max_size": Int64(),
    }
)

# How texts are split at spaces and numbers taken as they are: a beginning for most data.
CONVERTER_MEMBER = Member(
    CONVERTER,
    "how features are made of datums: docs/converter.md",
    example={
        "string_rules": [{"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"}],
        "num_rules": [{"key": "*", "type": "num"}],
    },
)
