/* Storage configuration: what is understood, and each rule that a plan can break. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "src/agent/storage_plan.h"

static struct arena *arena;
static struct storage_plan plan;
static struct error err;

#define DISK   "{'id':'d','type':'disk','ptable':'gpt','serial':'disk 0','grub_device':true}"
#define PART   "{'id':'p','type':'partition','device':'d','size':'512M','flag':'boot'}"
#define REST   "{'id':'r','type':'partition','device':'d','number':4}"
#define FORMAT "{'id':'f','type':'format','volume':'r','fstype':'ext4'}"
#define ROOT   "{'id':'m','type':'mount','device':'f','path':'/'}"
#define FLAT   DISK "," PART "," REST "," FORMAT "," ROOT

/* items with ' for ", as a list. */
static enum error_code parse(const char *items)
{
    char *text = arena_printf(arena, "{\"version\":1,\"config\":[%s]}", items);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    memset(&err, 0, sizeof(err));
    enum error_code code = storage_plan_parse(json, arena, &plan, &err);
    json_decref(json);
    return code;
}

static void refused(const char *items, const char *why)
{
    assert_int_equal(parse(items), ERR_BAD_INPUT);
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void a_flat_plan(void **unused)
{
    (void)unused;
    assert_int_equal(parse(FLAT), ERR_OK);
    assert_int_equal(plan.count, 5);
    assert_string_equal(plan.items[0].serial, "disk 0");
    assert_true(plan.items[0].grub_device);
    assert_int_equal(plan.items[1].number, 1);
    assert_int_equal(plan.items[1].size_bytes, 512 << 20);
    assert_int_equal(plan.items[2].number, 4);
    assert_int_equal(plan.items[2].size_bytes, 0);
    assert_ptr_equal(plan.items[3].on, &plan.items[2]);
    assert_ptr_equal(storage_plan_mount(&plan, "/"), &plan.items[4]);
    assert_null(storage_plan_mount(&plan, "/boot"));
}

static void groups_swap_and_memory(void **unused)
{
    (void)unused;
    assert_int_equal(
        parse(DISK "," PART "," REST ","
                   "{'id':'g','type':'lvm_volgroup','name':'vg-0','devices':['p','r']},"
                   "{'id':'l','type':'lvm_partition','volgroup':'g','name':'root','size':'3GB'},"
                   "{'id':'s','type':'lvm_partition','volgroup':'g','name':'swap'},"
                   "{'id':'f','type':'format','volume':'l','fstype':'xfs'}," ROOT ","
                   "{'id':'fs','type':'format','volume':'s','fstype':'swap'},"
                   "{'id':'ms','type':'mount','device':'fs'},"
                   "{'id':'t','type':'mount','spec':'tmpfs','fstype':'tmpfs','path':'/tmp'}"),
        ERR_OK);
    assert_int_equal(plan.items[3].in_count, 2);
    assert_int_equal(plan.items[4].size_bytes, 3LL << 30);
    assert_string_equal(plan.items[9].path, "none");
}

static void mounts_are_found_and_ordered(void **unused)
{
    struct storage_item *mounts[STORAGE_ITEMS];
    (void)unused;
    assert_int_equal(
        parse(DISK "," PART "," REST ","
                   "{'id':'fe','type':'format','volume':'p','fstype':'fat32'},"
                   "{'id':'me','type':'mount','device':'fe','path':'/boot/efi'}," FORMAT "," ROOT),
        ERR_OK);
    assert_int_equal(storage_plan_mounts(&plan, mounts), 2);
    assert_string_equal(mounts[0]->path, "/");
    assert_string_equal(mounts[1]->path, "/boot/efi");
    assert_ptr_equal(storage_plan_mount_of(&plan, "/boot/efi/EFI"), mounts[1]);
    assert_ptr_equal(storage_plan_mount_of(&plan, "/boot/efix"), mounts[0]);
}

static void broken_rules(void **unused)
{
    (void)unused;
    refused("", "nothing is mounted at /");
    refused(FLAT "," DISK, "used twice");
    refused("{'id':'x','type':'raid'}", "type raid is not made here");
    refused("{'id':'x','type':'disk'}", "neither serial nor path");
    refused("{'id':'x','type':'disk','path':'/dev/a','ptable':'msdos'}", "form gpt");
    refused("{'id':'x','type':'disk','path':'/dev/a','preserve':true}", "preserve");
    refused("{'id':'x','type':'disk','path':'-rf'}", "path is not acceptable");
    refused(PART, "names no item that stands before it");
    refused(DISK ",{'id':'p','type':'partition','device':'d','size':1000}", "whole sectors");
    refused(DISK ",{'id':'p','type':'partition','device':'d','size':'9999999999G'}", "size");
    refused(DISK ",{'id':'p','type':'partition','device':'d','number':129}", "number");
    refused(DISK ",{'id':'p','type':'partition','device':'d','number':4294967297}", "number");
    refused(DISK "," REST "," PART, "takes the rest");
    refused(DISK ",{'id':'g','type':'lvm_volgroup','name':'a','devices':['d']}," PART,
            "used as a whole");
    refused(DISK "," PART ",{'id':'q','type':'partition','device':'d','number':1}", "number");
    refused(DISK ",{'id':'p','type':'partition','device':'d','flag':'odd'}", "flag");
    refused(FLAT ",{'id':'g','type':'format','volume':'r','fstype':'ext4'}", "none that is free");
    refused(FLAT ",{'id':'g','type':'format','volume':'p','fstype':'ntfs'}", "fstype");
    refused(FLAT ",{'id':'n','type':'mount','device':'f','path':'/x'}", "mounted already");
    refused(FLAT ",{'id':'n','type':'mount','device':'p','path':'/x'}", "no format");
    refused(FLAT ",{'id':'n','type':'mount','spec':'proc','fstype':'proc','path':'/p'}", "tmpfs");
    refused(FLAT ",{'id':'g','type':'format','volume':'p','fstype':'ext4'},"
                 "{'id':'n','type':'mount','device':'g','path':'/'}",
            "there already");
    refused(FLAT ",{'id':'g','type':'format','volume':'p','fstype':'ext4'},"
                 "{'id':'n','type':'mount','device':'g','path':'/a/../b'}",
            "absolute");
    refused(FLAT ",{'id':'g','type':'lvm_volgroup','name':'a b','devices':['p']}", "name");
    refused(FLAT ",{'id':'g','type':'lvm_volgroup','name':'a','devices':['p','p']}", "twice");
    refused(FLAT ",{'id':'g','type':'lvm_volgroup','name':'a','devices':['r']}", "free");
    refused(FLAT ",{'id':'l','type':'lvm_partition','name':'a','volgroup':'d'}", "lvm_volgroup");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flat_plan),
        cmocka_unit_test(groups_swap_and_memory),
        cmocka_unit_test(mounts_are_found_and_ordered),
        cmocka_unit_test(broken_rules),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
