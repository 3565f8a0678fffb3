/* What happens without us on real Xen: somebody uses xl, a guest's kernel is told to end (its magic keys,
 * which the manifests of the test allow), a process is killed. */
#include "host/xen/xen.h"
#include "tests/differential/play.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { XL_LIMIT = 30000, PACE = 100, TRIES = 600, HALFWAY_PACE = 10 /* ms */ };

static bool run(struct play *play, const char *const *argv)
{
	struct run_result result;
	return run_wait(play->arena, argv, XL_LIMIT, &result);
}

/* xl VERB DOMID [MORE] */
static bool xl(struct play *play, const char *verb, const char *xen_name, const char *more)
{
	const int64_t domid = play_domid(play, xen_name);
	const char *const argv[] = {
		"xl", verb, arena_format(play->arena, "%lld", (long long)domid), more, NULL};
	return domid > 0 && run(play, argv);
}

static void xen_wait(struct play *play, int64_t ms)
{
	(void)play;
	usleep((useconds_t)(ms * 1000));
}

static bool xen_pause(struct play *play, const char *xen_name)
{
	return xl(play, "pause", xen_name, NULL);
}

/* By its configuration: a monitor does not know that its guest was renamed. */
static bool monitored(struct play *play, const char *uuid, int64_t *pid)
{
	struct list processes = {0};
	xl_processes(play->arena, &processes);
	const char *cfg = arena_format(play->arena, "%s/cfg/%s.cfg", play->options.run_dir, uuid);
	const struct xl_process *monitor = xl_monitor(&processes, cfg, NULL);
	if (monitor && pid)
		*pid = monitor->pid;
	return monitor;
}

/* Is it over, and what its monitor makes of it as well? */
static bool has_ended(struct play *play, const char *uuid, int64_t before)
{
	play_observe(play);
	const struct HaveDomain *domain = have_domain(play->have, uuid);
	if (!domain)
		return play->have->known && !monitored(play, uuid, NULL);
	return KNOWN(domain, HaveDomain, power) &&
	       (domain->power == found_power_Stopped ||
		       (domain->power == found_power_Running && domain->domid != before));
}

static bool ends(struct play *play, const char *xen_name, const char *key)
{
	const int64_t domid = play_domid(play, xen_name);
	const struct HaveDomain *domain = have_domain_named(play->have, xen_name);
	if (!domain || domain->power != found_power_Running || !xl(play, "sysrq", xen_name, key))
		return false;
	const char *uuid = arena_text(play->arena, domain->uuid);
	for (int i = 0; i < TRIES; i++) {
		if (has_ended(play, uuid, domid))
			return true;
		xen_wait(play, PACE);
	}
	return false;
}

static bool xen_poweroff(struct play *play, const char *xen_name)
{
	return ends(play, xen_name, "o");
}

static bool xen_crash(struct play *play, const char *xen_name)
{
	return ends(play, xen_name, "c");
}

static bool xen_reboot(struct play *play, const char *xen_name)
{
	return ends(play, xen_name, "b");
}

static bool xen_destroy(struct play *play, const char *xen_name)
{
	return xl(play, "destroy", xen_name, NULL) && play_await(play, xen_name, "absent");
}

static bool xen_rename(struct play *play, const char *xen_name, const char *other)
{
	return xl(play, "rename", xen_name, other);
}

static bool xen_unmonitor(struct play *play, const char *xen_name)
{
	int64_t pid = 0;
	const struct HaveDomain *domain = have_domain_named(play->have, xen_name);
	return domain && monitored(play, domain->uuid, &pid) && kill((pid_t)pid, SIGKILL) == 0;
}

/* Linux says what it hears once it listens. */
static bool xen_boot(struct play *play, const char *xen_name)
{
	struct store *store = store_new();
	const long long domid = play_domid(play, xen_name);
	bool booted = false;
	for (int i = 0; i < TRIES && !booted; i++) {
		booted = store_number(store, "/local/domain/%lld/control/feature-reboot", domid) == 1;
		if (!booted)
			xen_wait(play, PACE);
	}
	store_free(store);
	return booted;
}

/* What shows that the action acts: a creation is one more domain, a destruction takes the domain's node away
 * first, an attachment writes one of its own. */
static uint32_t entries(struct store *store, const struct action *action)
{
	ARENA_SCOPED arena = arena_new();
	if (action->verb == verb_disk_attach)
		return store_names(store, arena, "/libxl/%lld/device/vbd", (long long)action->have->domid)
			.count;
	return store_names(store, arena, "/local/domain").count;
}

static bool xen_halfway(struct play *play, const struct action *action)
{
	struct finished done = {.arena = play->arena};
	struct store *store = store_new();
	const uint32_t count = entries(store, action);
	bool ended = false, shown = false;
	play->driver->begin(play->host, action, &play->links);
	while (!ended && !shown) {
		ended = play->driver->reap(play->host, runner_now() + HALFWAY_PACE, &done);
		shown = entries(store, action) != count;
	}
	store_free(store);
	/* xl and all that it started are killed with the runner */
	play_close(play);
	play_open(play);
	return shown && !ended;
}

const struct hand hand_xen = {
	.pause = xen_pause,
	.poweroff = xen_poweroff,
	.reboot = xen_reboot,
	.crash = xen_crash,
	.destroy = xen_destroy,
	.rename = xen_rename,
	.unmonitor = xen_unmonitor,
	.boot = xen_boot,
	.halfway = xen_halfway,
	.wait = xen_wait,
};
