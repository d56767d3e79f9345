from django.contrib import admin
from django.urls import path

from photos import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("<int:user_id>/publish/", views.publish),
    path("<int:user_id>/love/<int:photo_id>/", views.love),
    path("<int:user_id>/wall/", views.wall),
    path("<int:user_id>/bell/", views.bell),
    path("<int:user_id>/bell/mark/", views.mark),
    path("<int:user_id>/page/", views.page),
]
