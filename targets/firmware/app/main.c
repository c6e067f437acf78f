#include "app/application.h"

_Noreturn void app_main(void);

_Noreturn void app_main(void)
{
    application_run();
}
