#include "host/host.h"
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static const char *said(struct report *report)
{
	const struct diagnostic *first;
	return report_all(report, &first) ? first->message : "";
}

Test(choose, drivers_by_their_word)
{
	REPORT_SCOPED report = report_new();
	const char *target = "untouched";
	cr_expect_eq(host_choose("xen", &target, report), &host_xen);
	cr_expect_null(target);
	cr_expect_eq(host_choose("sim:/tmp/a:b", &target, report), &host_sim);
	cr_expect_str_eq(target, "/tmp/a:b");
	cr_expect_eq(host_choose("snapshot:x.json", &target, report), &host_snapshot);
	cr_expect_str_eq(target, "x.json");
	cr_expect_eq(report_count(report, SEVERITY_ERROR), 0);
}

Test(choose, a_target_is_needed)
{
	static const char *const words[] = {"sim", "sim:", "snapshot", "snapshot:"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		REPORT_SCOPED report = report_new();
		const char *target;
		cr_expect_null(host_choose(words[i], &target, report));
		cr_expect(strstr(said(report), "needs a path"), "%s", said(report));
	}
}

Test(choose, other_words_are_refused)
{
	static const char *const words[] = {"", "kvm", "simulator:x", "xen:x", "Sim:x"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		REPORT_SCOPED report = report_new();
		const char *target;
		cr_expect_null(host_choose(words[i], &target, report), "%s", words[i]);
		cr_expect(strstr(said(report), "unknown host"), "%s", said(report));
	}
}

Test(choose, nothing_said_is_xen_where_there_is_one)
{
	REPORT_SCOPED report = report_new();
	const char *target;
	const struct host_driver *driver = host_choose(NULL, &target, report);
	if (access("/proc/xen", F_OK) == 0) {
		cr_expect_eq(driver, &host_xen);
	} else {
		cr_expect_null(driver);
		cr_expect(strstr(said(report), "no Xen host"));
	}
}
