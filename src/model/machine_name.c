/* Names that nobody chose: see machine_name.h. */
#include "src/model/machine_name.h"

#include <stdio.h>
#include <string.h>

#include "src/base/container.h"

static const char *const qualities[] = {
    "able",  "apt",    "big",   "bold",   "brave",  "bright",  "brisk", "calm", "chief",  "civil",
    "clean", "clever", "cool",  "cosmic", "crisp",  "curious", "dear",  "deep", "eager",  "early",
    "easy",  "epic",   "exact", "fair",   "fast",   "fine",    "firm",  "fit",  "fleet",  "fond",
    "frank", "free",   "fresh", "full",   "game",   "gentle",  "glad",  "good", "grand",  "great",
    "happy", "hardy",  "holy",  "honest", "humble", "ideal",   "keen",  "kind", "large",  "lively",
    "loyal", "lucky",  "merry", "mighty", "modest", "neat",    "noble", "open", "polite", "prime",
    "proud", "quick",  "quiet", "rapid",
};
static const char *const animals[] = {
    "ant",   "ape",   "badger", "bass",  "bat",    "bear",  "bee",   "bird",  "bison", "boar",
    "buck",  "bug",   "calf",   "camel", "cat",    "cod",   "colt",  "crab",  "crane", "crow",
    "deer",  "dingo", "dog",    "dove",  "duck",   "eagle", "eel",   "elk",   "emu",   "falcon",
    "fawn",  "finch", "fish",   "flea",  "fly",    "fox",   "frog",  "gecko", "goat",  "goose",
    "gull",  "hare",  "hawk",   "hen",   "heron",  "horse", "hound", "ibex",  "jay",   "kit",
    "koala", "lamb",  "lark",   "lion",  "lizard", "llama", "lynx",  "mole",  "moose", "moth",
    "mouse", "newt",  "otter",  "owl",
};

void machine_name_system_id(const unsigned char random[6], char text[MACHINE_SYSTEM_ID])
{
    static const char letters[] = "34678abcdefghkmnpqrstwxy";
    for (int i = 0; i < 6; i++)
        text[i] = letters[random[i] % (sizeof(letters) - 1)];
    text[6] = '\0';
}

void machine_name_hostname(const unsigned char random[4], unsigned number,
                           char text[MACHINE_HOSTNAME])
{
    const char *quality = qualities[(random[0] | random[1] << 8) % (int)COUNT_OF(qualities)];
    const char *animal = animals[(random[2] | random[3] << 8) % (int)COUNT_OF(animals)];
    if (number)
        snprintf(text, MACHINE_HOSTNAME, "%s-%s-%u", quality, animal, number);
    else
        snprintf(text, MACHINE_HOSTNAME, "%s-%s", quality, animal);
}

int machine_name_is_hostname(const char *text)
{
    size_t size = strlen(text);
    return size && size <= 63 && text[0] != '-' && text[size - 1] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == size;
}
