/*
 * How power is controlled: the one table of drivers and of the parameters that each takes. The API
 * describes them by it and checks what users give; racks check what regions send. Any thread.
 * names: power_driver_ power_parameter_
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "src/base/error.h"
#include "src/base/json_out.h"

enum power_parameter_type {
    POWER_STRING,
    POWER_PASSWORD,
    POWER_CHOICE,
    POWER_MULTIPLE_CHOICE, /* a list of texts */
    POWER_IP_ADDRESS,
    POWER_MAC_ADDRESS,
    POWER_PORT,    /* this and what follows is described as a string */
    POWER_NUMBER,  /* decimal digits */
    POWER_PEER,    /* HOST or HOST:PORT */
    POWER_HOST,    /* HOST, HOST:PORT or a http(s) URL of no more than these */
    POWER_URL,     /* http or https, without user and password */
    POWER_PATTERN, /* POSIX extended regular expression, without {} and back references */
    POWER_LIBVIRT, /* a libvirt URI without parameters */
    POWER_PEM,     /* lines */
    POWER_LABEL,   /* letters, digits, spaces and . _ - : a word of foreign command lines */
    POWER_BRIDGE,  /* where ipmitool reaches a cartridge: "-B 0 -T 0x88 -b 7 -t 0x72" */
};

struct power_choice {
    const char *value, *label;
};

struct power_parameter {
    const char *name, *label;
    enum power_parameter_type type;
    bool required;
    bool secret; /* sealed before it is stored, never shown to plain users */
    bool of_bmc; /* belongs to the BMC, which several machines may share; else to the machine */
    const char *fallback; /* default; of a multiple choice: one value or "" */
    const struct power_choice *choices;
    int choices_count;
    int longest; /* bytes; 0 = 255 */
};

struct power_driver {
    const char *name, *description;
    bool switches;       /* it can do something; else a person does it */
    bool queryable;      /* it can tell whether the machine is on */
    bool chassis;        /* many machines share one BMC */
    const char *address; /* the parameter that says where the BMC is, or NULL */
    const char *unit;    /* the one that tells machines of one BMC apart, or NULL */
    const struct power_parameter *parameters;
    int parameters_count;
};

extern const struct power_driver power_drivers[];
extern const int power_drivers_count;

/** The row with this name, or NULL. */
const struct power_driver *power_driver_find(const char *name);
const struct power_parameter *power_driver_parameter(const struct power_driver *driver,
                                                     const char *name);

/** Where the BMC is: its host without scheme and port; "" = there is none. False: no room. */
bool power_driver_host(const struct power_driver *driver, json_t *parameters, char *host,
                       size_t room);

/** One driver as an element of MAAS's describe_power_types. */
void power_driver_write_json(const struct power_driver *driver, struct json_out *out);

/**
 * Is text good for this parameter ("" = not given)? Texts of errors are as MAAS's forms say them.
 * Errors: BAD_INPUT.
 */
enum error_code power_parameter_check(const struct power_parameter *parameter, const char *text,
                                      struct error *err);

/**
 * Are the parameters (an object) good for the driver? Those that it does not know are passed by;
 * null counts as not given, numbers are taken for their text. Errors: BAD_INPUT "power_address:
 * ...".
 */
enum error_code power_driver_check(const struct power_driver *driver, json_t *parameters,
                                   struct error *err);

/** The same for what belongs to the BMC alone, whichever machine of it is meant. */
enum error_code power_driver_check_bmc(const struct power_driver *driver, json_t *parameters,
                                       struct error *err);

/** Lay the parameters of object over those of into; numbers become their texts, whichever
 * parameter it is. */
void power_driver_texts(json_t *object, json_t *into);

/** Value of a text parameter, its default when it is not given; borrowed from the object. */
const char *power_driver_text(const struct power_driver *driver, json_t *parameters,
                              const char *name);
