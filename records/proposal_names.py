"""How registers name columns and codes in the languages that are met: kept as data.

English, French, Spanish, Portuguese and Khmer. Only for proposing a mapping: a person sees
what was guessed. Names of fields and words of the code books themselves are in `fields` and
`codebooks`.
"""

from __future__ import annotations

from typing import Final

__all__ = ["NAMES_OF_FIELDS", "WORDS_OF_CODES"]

NAMES_OF_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "(key)": ("id", "no", "n°", "nº", "№", "number", "ref", "record id", "numero", "código",
              "codigo", "ល.រ", "លេខ", "លេខកូដ"),
    "source_id": ("accident id", "crash id", "case id", "numéro d'accident", "numero accidente",
                  "expediente", "boletim", "nº boletim", "លេខករណី"),
    "occurred_at": ("date of crash", "date of accident", "accident date", "crash date time",
                    "event date", "incident date", "date heure", "date accident", "fecha",
                    "fecha hora", "fecha accidente", "data", "data hora", "data acidente",
                    "data_hora", "when", "day", "កាលបរិច្ឆេទ", "ថ្ងៃខែឆ្នាំ", "ថ្ងៃគ្រោះថ្នាក់"),
    "time": ("time of crash", "time of accident", "crash time", "accident time", "hour", "heure",
             "hora", "horario", "ម៉ោង", "ពេលវេលា"),
    "lon": ("lon", "long", "gps x", "x coordinate", "coord x", "easting", "utm e", "utm x",
            "longitud", "gps longitude", "geometry lon", "e", "រយៈបណ្តោយ"),
    "lat": ("lat", "gps y", "y coordinate", "coord y", "northing", "utm n", "utm y", "latitud",
            "gps latitude", "geometry lat", "n", "រយៈទទឹង"),
    "road_name": ("road number", "road no", "route", "rue", "voie", "calle", "carretera", "via",
                  "rua", "logradouro", "log1", "street name", "ផ្លូវ", "ឈ្មោះផ្លូវ", "ផ្លូវលេខ"),
    "road_km": ("kilometre point", "km post", "pk", "point kilométrique", "punto kilométrico",
                "គីឡូម៉ែត្រ"),
    "village": ("village name", "phum", "localité", "pueblo", "aldeia", "ភូមិ"),
    "commune": ("sangkat", "khum", "commune name", "comuna", "ឃុំ", "សង្កាត់", "ឃុំ/សង្កាត់"),
    "district": ("khan", "srok", "district name", "arrondissement", "distrito", "municipio",
                 "município", "bairro", "regiao", "região", "ស្រុក", "ខណ្ឌ"),
    "province": ("province name", "région", "region", "provincia", "província", "estado", "ខេត្ត",
                 "រាជធានី/ខេត្ត"),
    "severity": ("crash severity", "accident severity", "injury severity", "gravité", "gravite",
                 "gravedad", "severidad", "gravidade", "ភាពធ្ងន់ធ្ងរ", "កម្រិតធ្ងន់ធ្ងរ"),
    "n_killed": ("number killed", "no killed", "no of deaths", "persons killed", "dead", "fatal",
                 "tués", "tues", "morts", "nb tués", "muertos", "fallecidos", "mortos", "mortes",
                 "óbitos", "ស្លាប់", "ចំនួនអ្នកស្លាប់", "អ្នកស្លាប់"),
    "n_serious": ("number serious", "severe", "severely injured", "serious injuries",
                  "blessés graves", "blesses graves", "heridos graves", "feridos graves",
                  "feridos_gr", "របួសធ្ងន់", "ចំនួនរបួសធ្ងន់"),
    "n_slight": ("number slight", "minor injuries", "slight injuries", "blessés légers",
                 "blesses legers", "heridos leves", "feridos leves", "feridos", "injured",
                 "number injured", "របួសស្រាល", "ចំនួនរបួសស្រាល"),
    "n_vehicles": ("number of vehicles", "no of vehicles", "vehicles involved", "nb véhicules",
                   "vehículos", "veículos", "ចំនួនយានយន្ត"),
    "road_users": ("road users involved", "vehicles involved types", "usagers", "usuarios"),
    "light": ("lighting", "light conditions", "light condition", "luminosité", "lumière",
              "iluminación", "luz", "iluminacao", "noite dia", "noite_dia", "ពន្លឺ"),
    "is_worker_commute": ("commute", "commuting", "on way to work", "work commute",
                          "trajet domicile travail", "ផ្លូវទៅធ្វើការ"),
    "factory_id": ("factory code", "factory no", "enterprise", "company", "usine", "fábrica",
                   "រោងចក្រ", "លេខរោងចក្រ"),
    "collision_type": ("type of collision", "crash type", "accident type", "type d'accident",
                       "tipo accidente", "tipo de acidente", "tipo_acid", "ប្រភេទគ្រោះថ្នាក់"),
    "narrative": ("remarks", "comment", "comments", "details", "observations", "commentaire",
                  "observaciones", "observações", "descrição", "សេចក្តីពិពណ៌នា", "កំណត់សម្គាល់"),
    "name": ("enterprise name", "company name", "nom", "nombre", "nome", "ឈ្មោះ", "ឈ្មោះរោងចក្រ"),
    "workers": ("number of workers", "employees", "number of employees", "travailleurs",
                "trabajadores", "trabalhadores", "កម្មករ", "ចំនួនកម្មករ"),
    "female_workers": ("women", "female employees", "femmes", "mujeres", "mulheres",
                       "កម្មការិនី", "កម្មករស្រី"),
    "shifts": ("shift times", "working hours", "វេន"),
    "type": ("type of vehicle", "vehicle type", "kind of vehicle", "type de véhicule",
             "tipo de vehículo", "tipo de veículo", "ប្រភេទយានយន្ត"),
    "seats": ("number of seats", "places", "asientos", "lugares", "កៅអី", "ចំនួនកៅអី"),
    "sex": ("gender", "sexe", "sexo", "ភេទ"),
    "age_band": ("age", "age group", "âge", "edad", "idade", "អាយុ"),
    "road_user": ("road user type", "type of road user", "usager", "usuario", "usuário"),
    "helmet": ("helmet worn", "helmet use", "wore helmet", "casque", "casco", "capacete",
               "មួកសុវត្ថិភាព"),
    "injury": ("injury severity", "severity", "severity of injury", "blessure", "lesión",
               "gravedad", "ferimento", "របួស", "កម្រិតរបួស"),
    "is_worker": ("worker", "garment worker", "is garment worker", "កម្មករកាត់ដេរ"),
    "crash_source_id": ("accident number", "accident id", "accident index", "case number",
                        "crash number", "លេខករណី"),
    "is_registered": ("registered", "registration", "immatriculé", "ចុះបញ្ជី"),
    "is_insured": ("insured", "insurance", "assuré", "ធានារ៉ាប់រង"),
    "has_licence": ("licence", "license", "driving licence", "permis", "licencia", "ប័ណ្ណបើកបរ"),
    "held_on": ("date", "date of activity", "កាលបរិច្ឆេទ"),
    "title": ("activity", "event name", "titre", "título", "ចំណងជើង"),
    "n_participants": ("number of participants", "attendees", "អ្នកចូលរួម"),
}  # fmt: skip

_FEMALE = ("femme", "féminin", "mujer", "femenino", "feminino", "mulher", "ស្រី")
_MALE = ("homme", "masculin", "hombre", "masculino", "homem", "ប្រុស")
_HURT: dict[str, tuple[str, ...]] = {
    "fatal": ("fatal injury", "mortel", "tué", "décédé", "mort", "muerto", "fallecido", "mortal",
              "morto", "óbito", "ស្លាប់"),
    "serious": ("seriously injured", "severely injured", "critical", "grave", "blessé grave",
                "blessé hospitalisé", "herido grave", "ferido grave", "ធ្ងន់", "របួសធ្ងន់"),
    "slight": ("slightly injured", "superficial", "léger", "blessé léger", "leve", "herido leve",
               "ferido leve", "ferido", "ស្រាល", "របួសស្រាល"),
}  # fmt: skip


def _turn(words: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {written: word for word, several in words.items() for written in several}


_USERS = _turn(
    {
        "pedestrian": ("piéton", "peatón", "pedestre", "អ្នកថ្មើរជើង"),
        "bicycle": ("vélo", "bicyclette", "bicicleta", "កង់", "ទោចក្រយាន"),
        "motorcycle_driver": ("motocyclette", "motocicleta", "deux roues", "ម៉ូតូ", "ទោចក្រយានយន្ត"),
        "motorcycle_trailer": ("motorcycle trailer", "moto remorque", "រ៉ឺម៉ក", "ម៉ូតូកង់បី"),
        "car": ("voiture", "véhicule léger", "coche", "automóvil", "automóvel", "carro", "រថយន្ត"),
        "van": ("camionnette", "furgoneta", "furgão"),
        "bus": ("autocar", "autobús", "ônibus", "រថយន្តក្រុង"),
        "other_truck": ("camion", "poids lourd", "camión", "caminhão", "រថយន្តដឹកទំនិញ", "ឡាន"),
        "farm_vehicle": ("tracteur", "trator", "គោយន្ត", "ត្រាក់ទ័រ"),
        "other": ("autre", "otro", "outro", "ផ្សេងៗ"),
    }
)
WORDS_OF_CODES: Final[dict[str, dict[str, str]]] = {
    "sex": _turn({"female": _FEMALE, "male": _MALE}),
    "severity": _turn(
        {**_HURT, "damage_only": ("matériel", "dégâts matériels", "sólo daños", "sem vítimas",
                                  "ខូចខាតសម្ភារៈ")}
    ),
    "injury": _turn({**_HURT, "uninjured": ("indemne", "ileso", "sem lesão", "គ្មានរបួស")}),
    "yes_no_unknown": _turn(
        {"yes": ("oui", "si", "sí", "sim", "បាទ", "មាន", "ចាស"), "no": ("non", "não", "nao", "ទេ",
                                                                      "គ្មាន")}
    ),
    "light": _turn(
        {
            "day": ("jour", "plein jour", "día", "dia", "ថ្ងៃ", "ពេលថ្ងៃ"),
            "dark": ("nuit", "noche", "noite", "dark lit", "dark unlit", "យប់", "ពេលយប់"),
        }
    ),
    "road_user": _USERS,
}  # fmt: skip
