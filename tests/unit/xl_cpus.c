/* What xl says about cpus, and when two texts about cpus mean the same. */
#include "host/xen/xl_cpus.h"
#include "model/cpus.h"
#include "recorded.h"

#define TABLE "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n"

Test(xl_cpus, pinning_as_xl_prints_it)
{
	ARENA_SCOPED arena = arena_new();
	struct list affinities;
	cr_assert(xl_affinities(arena, recorded(arena, "vcpu-list.txt", NULL), &affinities));
	cr_expect_eq(affinities.count, 1, "a domain, not a vcpu");
	cr_expect_str_eq(xl_affinity(&affinities, 2), "0");
	cr_expect_null(xl_affinity(&affinities, 1));
}

Test(xl_cpus, names_hold_spaces_and_vcpus_differ)
{
	ARENA_SCOPED arena = arena_new();
	struct list affinities;
	cr_assert(xl_affinities(arena,
		TABLE "my own guest  7  0  1  -b-  3.2  0-1,3,4 / all\n"
		      "(null)  8  0  -  --p  0.0  all / all\n"
		      "two  9  0  1  r--  1.0  1 / 0\ntwo  9  1  -  --p  1.0  2 / 0\n",
		&affinities));
	cr_expect_str_eq(xl_affinity(&affinities, 7), "0-1,3-4");
	cr_expect_str_eq(xl_affinity(&affinities, 8), "all");
	cr_expect_str_eq(xl_affinity(&affinities, 9), "various");
}

Test(xl_cpus, what_is_no_table_is_refused)
{
	ARENA_SCOPED arena = arena_new();
	struct list affinities;
	cr_expect_not(xl_affinities(arena, "", &affinities));
	cr_expect_not(xl_affinities(arena, "error\n", &affinities));
	cr_expect_not(xl_affinities(arena, TABLE "web  7  0  1\n", &affinities));
	cr_expect_not(xl_affinities(arena, TABLE "web  7  0  1  -b-  3.2  no cpus / all\n", &affinities));
	cr_expect_not(xl_affinities(arena, TABLE "web  x  0  1  -b-  3.2  0 / all\n", &affinities));
}

Test(xl_cpus, shares_as_xl_prints_them)
{
	ARENA_SCOPED arena = arena_new();
	const char *text = recorded(arena, "sched-credit2.txt", NULL);
	int64_t weight = 0, cap = 0;
	cr_assert(xl_share(arena, text, 2, &weight, &cap));
	cr_expect_eq(weight, 512);
	cr_expect_eq(cap, 50);
	cr_expect_not(xl_share(arena, text, 3, &weight, &cap));
}

Test(xl_cpus, equal_is_what_means_the_same_on_this_host)
{
	cr_expect(cpus_equal("all", "0-3", 4));
	cr_expect(cpus_equal("0-9", "all", 4));
	cr_expect(cpus_equal("2,7", "2", 4));
	cr_expect_not(cpus_equal("0-2", "all", 4));
	cr_expect_not(cpus_equal("various", "all", 4));
	cr_expect_not(cpus_equal("all", "0-3", 0), "not known how many it has: texts");
	cr_expect(cpus_equal("0-3", "0-3", 0));
	cr_expect_not(cpus_equal(NULL, "0-3", 4));
	cr_expect(cpus_any("3-5", 4));
	cr_expect_not(cpus_any("4-5", 4));
	cr_expect(cpus_any("all", 1));
}
