/* Profiles on the command line: login, logout, profile list, profile use. */
#pragma once

#include "src/cli/cli.h"

/** "login PROFILE URL [KEY] [--ca FILE] [--key-file FILE]"; checks the key at the API first. */
enum error_code login_run(struct cli *cli, int argc, char **argv, struct error *err);

/** "logout PROFILE": forget it. */
enum error_code login_forget(struct cli *cli, int argc, char **argv, struct error *err);

/** "profile list" and "profile use PROFILE". */
enum error_code login_list(struct cli *cli, int argc, char **argv, struct error *err);
enum error_code login_use(struct cli *cli, int argc, char **argv, struct error *err);
