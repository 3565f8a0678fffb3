#include "host/xen/xl_list.h"
#include "recorded.h"

static struct list parsed(struct arena *arena, const char *text)
{
	struct list list;
	const char *error = NULL;
	cr_assert(xl_list_parse(arena, text, &list, &error), "%s", error);
	return list;
}

static void refused(const char *text)
{
	ARENA_SCOPED arena = arena_new();
	struct list list;
	const char *error = NULL;
	cr_expect(!xl_list_parse(arena, text, &list, &error), "%s", text);
	cr_expect_not_null(error);
}

#define HEAD                                                                                                 \
	"Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                 " \
	"           Reason-Code\tSecurity Label\n"
#define DOM0                                                                                                 \
	"Domain-0                                     0  1024     2     r-----      63.2 "                   \
	"00000000-0000-0000-0000-000000000000        -                -\n"
#define U "11111111-2222-4333-8444-555555555555"

Test(xl_list, every_state_of_a_real_host)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = parsed(arena, recorded(arena, "list-v-all.txt", NULL));
	static const struct {
		const char *name;
		enum found_power power;
		int ended;
	} expected[] = {
		{"web", found_power_Running, -1},
		{"raw", found_power_Running, -1},
		{"paused", found_power_Paused, -1},
		{"off", found_power_Stopped, ended_poweroff},
		{"rebooted", found_power_Stopped, ended_reboot},
		{"crashed", found_power_Stopped, ended_crash},
		{"half", found_power_Paused, -1},
	};
	cr_assert_eq(list.count, 7);
	for (uint32_t i = 0; i < list.count; i++) {
		const struct listed *listed = list.item[i];
		cr_expect_str_eq(listed->name, expected[i].name);
		cr_expect_eq(listed->domid, i + 2);
		cr_expect_eq(listed->power, expected[i].power, "%s", listed->name);
		cr_expect_eq(listed->ended, expected[i].ended, "%s", listed->name);
	}
	cr_expect_str_eq(((struct listed *)list.item[0])->uuid, U);
}

Test(xl_list, dom0_alone_is_an_empty_host)
{
	ARENA_SCOPED arena = arena_new();
	cr_expect_eq(parsed(arena, recorded(arena, "list-v-none.txt", NULL)).count, 0);
}

Test(xl_list, a_name_may_look_like_anything)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = parsed(arena, HEAD DOM0
		"a name with  7  128 1 r----- 1.0 spaces        7   128     1     -b----       9.5 " U
		"        -                -\n"
		"an-overlong-name-that-leaves-its-column-and-goes-on-and-on    8   128     1     --p---      "
		" 0.0 " U "        -                -\n"
		"(null)                                       9     0     0     --p---       0.0 " U
		"        -                -\n"
		"(null)                                      10     0     0     --ps-d       0.0 " U
		"        0                -\n"
		"flask                                       11     0     0     ---sw-       0.0 " U
		"        4   system_u:system_r:domU_t\n");
	cr_assert_eq(list.count, 5);
	const struct listed *const *item = (const struct listed *const *)list.item;
	cr_expect_str_eq(item[0]->name, "a name with  7  128 1 r----- 1.0 spaces");
	cr_expect_eq(item[0]->domid, 7);
	cr_expect_str_eq(item[1]->name, "an-overlong-name-that-leaves-its-column-and-goes-on-and-on");
	cr_expect_null(item[2]->name);
	cr_expect_eq(item[2]->power, found_power_Paused);
	cr_expect_eq(item[3]->power, found_power_Dying);
	cr_expect_eq(item[4]->ended, ended_watchdog);
}

Test(xl_list, what_is_not_whole_is_refused)
{
	refused("");
	refused(HEAD);
	refused("libxl: error\n");
	refused(HEAD DOM0
		"web                                          2   128     1     -b----       9.5 1111111");
	refused(HEAD DOM0 "web                                          2   128     1     -b----       9.5 " U
			  "        -                -");
	refused(HEAD DOM0 "web                                          2   128     1     -b----       9.5 "
			  "11111111-2222-4333-8444-55555555555g        -                -\n");
	refused(HEAD DOM0 "web                                         -2   128     1     -b----       9.5 " U
			  "        -                -\n");
	refused(HEAD DOM0 "web                                          2   128     1     -x----       9.5 " U
			  "        -                -\n");
	refused(HEAD DOM0 "two\nlines                                   2   128     1     -b----       9.5 " U
			  "        -                -\n");
	refused(HEAD DOM0 "\n");
}

Test(xl_list, the_same_uuid_twice_is_counted)
{
	ARENA_SCOPED arena = arena_new();
	unsigned same;
	struct list list = parsed(arena,
		HEAD DOM0 "a                                            2   128     1     -b----       9.5 " U
			  "        -                -\n"
			  "b                                            3   128     1     -b----       9.5 " U
			  "        -                -\n");
	cr_expect_eq(xl_list_find(&list, U, &same)->domid, 2);
	cr_expect_eq(same, 2);
	cr_expect_null(xl_list_find(&list, "21111111-2222-4333-8444-555555555555", &same));
	cr_expect_eq(same, 0);
	cr_expect_eq(xl_list_named(&list, "b")->domid, 3);
	cr_expect_null(xl_list_named(&list, "Domain-0"));
}
