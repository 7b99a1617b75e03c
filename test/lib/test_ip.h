/* ip(8) for tests in a network namespace of their own. */
#pragma once

/** argv of ip, NULL-terminated; a failure is the test's. */
void test_ip(const char *const *argv);
#define TEST_IP(...) test_ip((const char *const[]){"/usr/sbin/ip", __VA_ARGS__, NULL})
